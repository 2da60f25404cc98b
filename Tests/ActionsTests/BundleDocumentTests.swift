import Actions
import Core
import Testing

/// What a gateway's document may say about the source of its policies.
@Suite struct BundleDocumentTests {
    private static func read(_ bundles: String, more: String = "") -> Result<GatewayDocument, InvalidInput> {
        let text = """
            gateway: edge-1
            listen: 127.0.0.1:8800
            routes: [{path: /files, server: files, upstream: "http://127.0.0.1:9001/mcp"}]
            bundles: \(bundles)
            \(more)
            """
        return Result { () throws(InvalidInput) in try GatewayDocument.read(Array(text.utf8), file: "gateway.yaml") }
    }

    @Test func whatIsLeftOutDenies() throws {
        let bundles = try #require(try Self.read("{from: bundles, keys: keys.json}").get().bundles)
        #expect(bundles.whenNone == .deny && bundles.every == .seconds(10) && !bundles.isWeb && bundles.labels.isEmpty)
    }

    @Test func everythingCanBeSaid() throws {
        let text =
            "{from: 'https://policies.example/edge', keys: k, every: 1m, when-none: last-good, labels: [a], ca: ca.pem}"
        let bundles = try #require(try Self.read(text).get().bundles)
        #expect(bundles.whenNone == .lastGood && bundles.every == .seconds(60) && bundles.isWeb)
        #expect(bundles.labels == ["a"] && bundles.authorities == "ca.pem")
    }

    @Test(arguments: [
        ("{keys: k}", "gateway.missing-key"), ("{from: b}", "gateway.missing-key"), ("b", "gateway.wrong-type"),
        ("{from: b, keys: k, when-none: allow}", "gateway.invalid-value"),
        ("{from: b, keys: k, every: 0s}", "gateway.invalid-value"),
        ("{from: b, keys: k, every: 2h}", "gateway.invalid-value"),
        ("{from: b, keys: k, every: soon}", "gateway.invalid-value"),
        ("{from: 'http://policies.example/edge', keys: k}", "gateway.invalid-value"),
        ("{from: 'https://policies.example/edge?x=1', keys: k}", "gateway.invalid-value"),
        ("{from: 'https://a@b/edge', keys: k}", "gateway.invalid-value"),
        ("{from: b, keys: k, labels: canary}", "gateway.wrong-type"),
        ("{from: b, keys: k, selector: x}", "gateway.unknown-key"),
    ])
    func whatIsWrongIsSaid(bundles: String, code: String) {
        guard case .failure(let input) = Self.read(bundles) else {
            Issue.record("`\(bundles)` is taken")
            return
        }
        #expect(input.diagnostics.map(\.code).contains(code), "\(input.diagnostics.map(\.code))")
    }

    @Test(arguments: ["policy: policy.yaml", "mode: shadow"])
    func thereIsOneSourceOfPolicies(more: String) {
        guard case .failure(let input) = Self.read("{from: b, keys: k}", more: more) else {
            Issue.record("`\(more)` is taken")
            return
        }
        #expect(input.diagnostics.map(\.code) == ["gateway.bundles"])
    }
}
