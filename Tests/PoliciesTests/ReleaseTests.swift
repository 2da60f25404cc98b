import Core
import Policies
import Testing

/// The form of a release; its votes are proven elsewhere.
@Suite struct ReleaseTests {
    private static let document = Array(
        """
        apiVersion: lockstep/v1
        kind: Policy
        name: p
        scope: agent
        agents:
          bot:
            servers:
              bank:
                - {id: read, tool: read, tier: read}
                - {id: send, tool: send, tier: write, mode: shadow}

        """.utf8
    )

    private static func page(_ terms: [JSON.Value]) -> [UInt8] {
        JSON.canonical(["show": .array([.string("sha256:x")] + terms), "step": "policy_review"])
    }

    private static func terms(_ digest: Digest = .sha256(document), days: Int = 90, approvals: Int = 1) -> JSON.Value {
        Release.Terms(policy: digest, mode: .shadow, validDays: days, approvals: approvals).json
    }

    private static func release(_ page: [UInt8] = page([terms()])) throws -> Release {
        try Release(
            document: document,
            shown: page,
            run: "run",
            step: "policy_review",
            votes: [["vote": ["person": "ben"]]]
        )
    }

    @Test func whatIsWrittenReadsBackTheSame() throws {
        let release = try Self.release()
        #expect(release.rules == ["read": .enforce, "send": .shadow])
        #expect(release.terms.mode == .shadow)
        #expect(try Release(parsing: release.bytes) == release)
    }

    @Test func noByteCanBeChangedUnseen() throws {
        let bytes = try Self.release().bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            guard let read = try? Release(parsing: changed) else { continue }
            // What the votes say, and what they are about, is for the signatures to tell.
            let original = try Self.release()
            #expect(read.document == original.document && read.terms == original.terms)
            #expect(
                read.votes != original.votes || read.run != original.run || read.step != original.step
                    || read.shownDigest != original.shownDigest
            )
        }
        for length in [0, 1, bytes.count / 2, bytes.count - 1] {
            #expect(throws: Release.Fault.self) { try Release(parsing: Array(bytes.prefix(length))) }
        }
        #expect(throws: Release.Fault.self) { try Release(parsing: bytes + [10]) }
    }

    @Test func onlyWhatWasShownIsReleased() throws {
        func code(_ page: [UInt8]) -> Release.Fault.Code? {
            do throws(Release.Fault) {
                _ = try Release(
                    document: Self.document,
                    shown: page,
                    run: "r",
                    step: "s",
                    votes: []
                )
                return nil
            } catch { return error.code }
        }
        #expect(code(Self.page([Self.terms()])) == nil)
        #expect(code(Self.page([])) == .noTerms)
        #expect(code(Self.page([Self.terms(.sha256([1]))])) == .wrongDigest)
        #expect(code(Self.page([Self.terms(), Self.terms(.sha256([1]))])) == .wrongDigest)
        #expect(code(Self.page([Self.terms(days: 0)])) == .noTerms)
        #expect(code(Self.page([Self.terms(days: 4_000)])) == .noTerms)
        #expect(code(Self.page([Self.terms(approvals: 0)])) == .noTerms)
        #expect(code(Array("{".utf8)) == .malformed)
        #expect(code([0xFF]) == .malformed)
    }

    @Test func aRehearsalIsMarkedInWhatWasSigned() throws {
        #expect(try Self.release().isRehearsal == false)
        let page = JSON.canonical(["show": [Self.terms()], "rehearsal": true])
        #expect(try Self.release(page).isRehearsal)
    }

    @Test func anInvalidPolicyIsNeverReleased() {
        let document = Array("kind: Policy\n".utf8)
        #expect(throws: Release.Fault.self) {
            try Release(
                document: document,
                shown: Self.page([Self.terms(.sha256(document))]),
                run: "r",
                step: "s",
                votes: []
            )
        }
    }
}
