import Core
import Foundation
import Policies
import Testing

/// The form of a release; its votes are proven elsewhere.
@Suite struct ReleaseTests {
    private static let document: [UInt8] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/small.yaml")
        return (try? Array(Data(contentsOf: file))) ?? []
    }()

    private static func page(_ terms: [JSON.Value]) -> [UInt8] {
        JSON.canonical([
            "show": .array([.string("sha256:x")] + terms), "run": "run", "step": "policy_review",
            "started_by": "user:ana", "excluded": ["ana"],
        ])
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
        #expect(release.rules == ["pay": .enforce, "send": .shadow])
        #expect(release.terms.mode == .shadow)
        #expect(release.startedBy == "user:ana" && release.excluded == ["ana"])
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
        func code(_ page: [UInt8], run: String = "run") -> Release.Fault.Code? {
            do throws(Release.Fault) {
                _ = try Release(
                    document: Self.document,
                    shown: page,
                    run: run,
                    step: "policy_review",
                    votes: []
                )
                return nil
            } catch { return error.code }
        }
        #expect(code(Self.page([Self.terms()])) == nil)
        #expect(code(Self.page([Self.terms()]), run: "another") == .malformed)
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
        let page = JSON.canonical([
            "show": [Self.terms()], "run": "run", "step": "policy_review", "rehearsal": true,
        ])
        #expect(try Self.release(page).isRehearsal)
    }

    /// Whoever approves a policy from a profile that somebody named as a file has to be shown that.
    @Test func whereAPolicyCameFromIsShownOrNothingIsReleased() throws {
        let (policy, _) = PolicyReader.read(Self.document, file: "small.yaml")
        var unproven = try #require(policy)
        unproven.unprovenProfile = .sha256([7])
        let document = Array(PolicyWriter.write(unproven).utf8)
        func release(_ shown: [JSON.Value]) throws -> Release {
            let page = Self.page([Self.terms(.sha256(document))] + shown)
            return try Release(document: document, shown: page, run: "run", step: "policy_review", votes: [])
        }
        #expect(throws: Release.Fault.self) { try release([]) }
        // Named for another reason it is not said to be what it is.
        #expect(throws: Release.Fault.self) { try release([["artifact \(Digest.sha256([7]))"]]) }
        let told = try release([.array([.string(try #require(unproven.unprovenSign) + ", and more")])])
        #expect(told.unprovenProfile == .sha256([7]))
        #expect(try Self.release().unprovenProfile == nil)
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
