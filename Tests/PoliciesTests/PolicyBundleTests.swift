import Core
import Foundation
import Policies
import Testing

/// The form of a bundle and its place in a chain; who signed it is proven elsewhere.
@Suite struct PolicyBundleTests {
    private static let policy: String = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/small.yaml")
        return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }()
    private static let start = Timestamp(seconds: 1_750_000_000)

    private static func bundle(
        _ revision: Int64 = 1,
        after predecessor: Digest? = nil,
        for gateways: [String] = ["edge-*"],
        labels: [String] = [],
        mode: PolicyBundle.Mode = .enforce,
        content: PolicyBundle.Content = .policy(policy),
        gap: String? = nil,
        issued: Timestamp = start,
        lasting: Duration = .seconds(3600)
    ) throws -> PolicyBundle {
        try PolicyBundle(
            revision: revision,
            predecessor: predecessor,
            issued: issued,
            expires: issued + lasting,
            selector: PolicyBundle.Selector(gateways: gateways, labels: labels),
            mode: mode,
            content: content,
            gap: gap
        )
    }

    private func code<Value>(_ body: () throws -> Value) -> PolicyBundle.Fault.Code? {
        do {
            _ = try body()
            return nil
        } catch { return (error as? PolicyBundle.Fault)?.code }
    }

    @Test func whatIsWrittenReadsBackTheSame() throws {
        let first = try Self.bundle()
        let all = try [
            first, Self.bundle(2, after: first.digest, labels: ["canary"], mode: .shadow),
            Self.bundle(9, mode: .record, gap: "the directory was lost"),
        ]
        for bundle in all {
            #expect(try PolicyBundle(parsing: bundle.bytes) == bundle)
            #expect(try PolicyBundle(parsing: bundle.bytes).digest == bundle.digest)
        }
    }

    @Test func noByteCanBeChangedUnseen() throws {
        let bundle = try Self.bundle(2, after: .sha256([1]))
        let bytes = bundle.bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            if let read = try? PolicyBundle(parsing: changed) {
                #expect(read != bundle && read.digest != bundle.digest)
            }
        }
        for length in stride(from: 0, to: bytes.count, by: 7) {
            #expect(code { try PolicyBundle(parsing: Array(bytes.prefix(length))) } == .malformed)
        }
        #expect(code { try PolicyBundle(parsing: bytes + [0x0A]) } == .malformed)
    }

    @Test(
        "a member of another type, too much or missing is refused",
        arguments: [
            ("schema", "lockstep.bundle/2"), ("schema", nil), ("revision", 0), ("revision", -1), ("revision", "1"),
            ("revision", 1.5), ("revision", 9_007_199_254_740_993), ("revision", nil), ("revision", 7),
            ("predecessor", "x"), ("predecessor", 1), ("predecessor", nil), ("issued", 5), ("issued", "yesterday"),
            ("expires", .null), ("expires", "2001-01-01T00:00:00.000Z"), ("selector", []), ("selector", [:]),
            ("selector", ["gateways": [], "labels": []]), ("selector", ["gateways": ["*"]]),
            ("selector", ["gateways": ["a b"], "labels": []]), ("selector", ["gateways": [1], "labels": []]),
            ("selector", ["gateways": ["*"], "labels": [], "more": 1]), ("mode", "open"), ("mode", nil),
            ("mode", true), ("policy", nil), ("policy", ["a"]), ("release", "both"), ("gap", ""), ("gap", 1),
            ("extra", 1),
        ] as [(String, JSON.Value?)]
    )
    func membersAreChecked(name: String, value: JSON.Value?) throws {
        var object = try #require(try JSON.parse(try Self.bundle().bytes).object)
        object[name] = value
        #expect(code { try PolicyBundle(parsing: JSON.canonical(.object(object))) } == .malformed)
    }

    @Test func aKeyThatIsThereTwiceAndWhatIsHugeOrDeepIsRefused() throws {
        let text = String(decoding: try Self.bundle().bytes, as: UTF8.self)
        #expect(
            code { try PolicyBundle(parsing: Array(("{\"mode\":\"record\"," + text.dropFirst()).utf8)) } == .malformed
        )
        let huge = [UInt8](repeating: 0x20, count: PolicyBundle.mostBytes + 1)
        #expect(code { try PolicyBundle(parsing: huge) } == .tooLarge)
        #expect(code { try PolicyBundle(parsing: [UInt8](repeating: 0x5B, count: 1 << 16)) } == .malformed)
        #expect(code { try PolicyBundle(parsing: [0xFF, 0xFE]) } == .malformed)
    }

    @Test func onlyWhatComesNextIsTaken() throws {
        let (first, now) = (try Self.bundle(), Self.start)
        let second = try Self.bundle(2, after: first.digest)
        #expect(try first.follows(nil, now: now) == false)
        #expect(try second.follows(nil, now: now) == false)
        #expect(try second.follows(first.tip, now: now) == false)
        #expect(try first.follows(first.tip, now: now))
        #expect(code { try first.follows(second.tip, now: now) } == .rollback)
        #expect(code { try Self.bundle(lasting: .seconds(60)).follows(first.tip, now: now) } == .fork)
        #expect(code { try Self.bundle(3, after: first.digest).follows(second.tip, now: now) } == .predecessor)
        // A gap lets the chain go on, and never back.
        #expect(try Self.bundle(3, gap: "lost").follows(second.tip, now: now) == false)
        #expect(code { try Self.bundle(1, gap: "lost").follows(second.tip, now: now) } == .rollback)
        #expect(code { try Self.bundle(2, gap: "lost").follows(second.tip, now: now) } == .fork)
    }

    @Test func clocksMayDifferForWhatBeginsAndNotForWhatEnds() throws {
        let bundle = try Self.bundle()
        #expect(try bundle.follows(nil, now: Self.start - .seconds(300)) == false)
        #expect(code { try bundle.follows(nil, now: Self.start - .seconds(301)) } == .notYet)
        #expect(!bundle.isExpired(at: Self.start + .milliseconds(3_599_999)))
        #expect(bundle.isExpired(at: Self.start + .seconds(3600)))
        #expect(code { try Self.bundle(lasting: .zero) } == .malformed)
        #expect(code { try Self.bundle(lasting: .seconds(-1)) } == .malformed)
    }

    @Test(arguments: [
        (["edge-1"], [], "edge-1", true), (["edge-1"], [], "edge-10", false), (["edge-*"], [], "edge-10", true),
        (["*"], [], "core", true), (["core", "*-1"], [], "edge-1", true), (["*"], ["canary"], "core", false),
        (["*"], ["berlin"], "core", true), (["*"], ["berlin", "canary"], "core", false),
        (["Edge-1"], [], "edge-1", false),
    ])
    func gatewaysAreSelected(gateways: [String], labels: [String], gateway: String, isSelected: Bool) throws {
        let place = PolicyBundle.Place(gateway: gateway, labels: ["berlin"], isLoopback: true)
        let bundle = try Self.bundle(for: gateways, labels: labels)
        #expect(code { try bundle.opened(at: place) } == (isSelected ? nil : .notSelected))
    }

    @Test func whatIsInsideHasToBeSoundAndApproved() throws {
        #expect(try Self.bundle().opened(at: nil).policy.rules.count == 2)
        #expect(code { try Self.bundle(content: .policy("kind: Policy\n")).opened(at: nil) } == .policy)
        #expect(code { try Self.bundle(content: .release("{}")).opened(at: nil) } == .policy)
        let shadow = try Self.release(mode: .shadow)
        #expect(code { try Self.bundle(content: .release(shadow)).opened(at: nil) } == .notApproved)
        #expect(try Self.bundle(mode: .shadow, content: .release(shadow)).opened(at: nil).release != nil)
        #expect(code { try Self.bundle(content: .release(Self.release(mode: .enforce))).opened(at: nil) } == nil)
        let rehearsal = try Self.bundle(content: .release(Self.release(mode: .enforce, isRehearsal: true)))
        #expect(code { try rehearsal.opened(at: .init(gateway: "edge-1", isLoopback: true)) } == nil)
        #expect(code { try rehearsal.opened(at: .init(gateway: "edge-1", isLoopback: false)) } == .rehearsal)
    }

    private static func release(mode: Release.Mode, isRehearsal: Bool = false) throws -> String {
        let document = Array(policy.utf8)
        let terms = Release.Terms(policy: .sha256(document), mode: mode, validDays: 90, approvals: 1)
        let page = JSON.canonical([
            "show": [terms.json], "run": "run", "step": "policy_review", "rehearsal": .bool(isRehearsal),
        ])
        let release = try Release(document: document, shown: page, run: "run", step: "policy_review", votes: [])
        return String(decoding: release.bytes, as: UTF8.self)
    }
}
