import Core
import Identity
import Policies
import Synchronization
import Testing

@testable import Gateway

/// Who may call in another's name, and for how long.
@Suite struct CanariesTests {
    private static let start = Timestamp(seconds: 1_790_000_000)
    private let canaries = Canaries()

    private func issue(_ principal: String = "bot", _ mark: CanaryMark = .held) throws -> String {
        let principal = CallRecord.Principal(id: principal, kind: .jwt)
        let token = try #require(canaries.issue(for: principal, purpose: "restock", mark, at: Self.start))
        return "Bearer " + token.revealed
    }

    @Test func aPermissionIsGoodForItsPrincipalUntilItEnds() throws {
        let field = try issue()
        let caller = try #require(canaries.caller([field], at: Self.start))
        #expect(caller.principal.id == "bot" && caller.purpose == "restock" && caller.canary == .held)
        #expect(canaries.caller([field], at: Self.start + Canaries.life - .seconds(1)) != nil)
        #expect(canaries.caller([field], at: Self.start + Canaries.life) == nil)
    }

    @Test func nothingElseIsOne() throws {
        #expect(canaries.caller(["Bearer lockstep-canary."], at: Self.start) == nil)
        let field = try issue()
        for wrong in [[], [field, field], [field + "0"], [String(field.dropLast())], ["bearer" + field.dropFirst(6)]] {
            #expect(canaries.caller(wrong, at: Self.start) == nil, "\(wrong.count)")
        }
    }

    @Test func thereAreNotMoreThanSome() throws {
        for number in 0..<Canaries.most { _ = try issue("bot-\(number)") }
        let one = CallRecord.Principal(id: "one", kind: .jwt)
        #expect(canaries.issue(for: one, purpose: nil, .sent, at: Self.start) == nil)
        #expect(canaries.issue(for: one, purpose: nil, .sent, at: Self.start + Canaries.life) != nil)
    }
}

/// What admin commands make of reading everything anew.
@Suite struct ReloadsTests {
    @Test func eachIsDoneInItsTurnAndSaysWhatWasWrong() async throws {
        let reloads = Reloads()
        #expect(reloads.ask() == nil)
        let count = Mutex(0)
        reloads.perform {
            count.withLock { count in
                count += 1
                return count == 3 ? "the third" : nil
            }
        }
        for number in 1...3 { #expect(reloads.ask() == number) }
        while reloads.state.done < 3 { await Task.yield() }
        #expect(reloads.state.fault == "the third" && reloads.state.asked == 3)
    }
}
