import Core
import Synchronization
import Testing
import Traffic

@testable import Gateway

private let start = Timestamp(seconds: 1_800_000_000)

@Suite struct ConversationsTests {
    /// Does what it should do later at once.
    private func conversations(_ limits: Conversations.Limits) -> Conversations {
        Conversations(limits: limits) { $0() }
    }

    private func find(_ all: Conversations, _ principal: String, _ thread: String, at now: Timestamp) -> Conversation {
        let found = all.find(.init(principal: principal, thread: thread), at: now, taskText: nil)
        found.state.withLock { $0.lastUse = now }
        return found
    }

    /// One call with a result of so many bytes, and how it was explained.
    private func call(_ conversation: Conversation, _ all: Conversations, bytes: Int, at now: Timestamp) -> ObservedCall
    {
        var record = CallRecord(
            time: now,
            session: conversation.id,
            sequence: 0,
            principal: .init(id: "alice", kind: .jwt),
            delegation: [],
            clientName: nil,
            peerAddress: nil,
            server: "files",
            tool: "read_file",
            definition: nil,
            arguments: ["path": "/srv/a"],
            task: nil
        )
        record.result = .init(text: String(repeating: "\(now.microseconds) ", count: bytes / 17), isError: false)
        let explained = conversation.state.withLock { state in
            state.lastUse = now
            let (explained, open) = state.observer.begin(record)
            _ = state.observer.end(open, record)
            return explained
        }
        all.weigh(conversation, at: now)
        return explained
    }

    @Test func `all together stay within their bound, and no count of calls is lost`() {
        let all = conversations(.init(bytes: 4 << 20))
        var now = start
        for round in 0..<8 {
            for number in 0..<40 {
                now = now + .milliseconds(1)
                let conversation = find(all, "alice", "task-\(number)", at: now)
                let explained = call(conversation, all, bytes: 20_000, at: now)
                #expect(explained.earlierCalls == round)
                #expect(all.bytes <= 6 << 20)
            }
        }
        // The one that was silent longest is less well explained, the one that just spoke is not.
        #expect(call(find(all, "alice", "task-0", at: now), all, bytes: 100, at: now).isEvidencePartial)
        let last = find(all, "alice", "new", at: now)
        _ = call(last, all, bytes: 100, at: now)
        #expect(!call(last, all, bytes: 100, at: now).isEvidencePartial)
    }

    @Test func `a flood of conversations ends in one, and resets nothing of another`() {
        let all = conversations(.init(threads: 10))
        let first = find(all, "alice", "first", at: start)
        for number in 0..<9 { _ = find(all, "alice", "\(number)", at: start) }
        let further = (0..<1_000).map { find(all, "alice", "further-\($0)", at: start) }
        #expect(further.allSatisfy { $0 === further[0] })
        #expect(further[0] !== first)
        #expect(find(all, "alice", "first", at: start) === first)
        #expect(find(all, "bob", "first", at: start) !== further[0])
        // What is known of the one for all is that not everything is known.
        #expect(call(further[0], all, bytes: 100, at: start).isEvidencePartial)
        // After the silence there is room again.
        let later = start + Conversations.silence + .seconds(1)
        _ = find(all, "alice", "first", at: later)
        #expect(find(all, "alice", "further-1", at: later) !== further[0])
    }

    @Test func `where all places are taken nobody loses what was counted`() {
        // Sixty-four parts of sixteen places at least.
        let all = conversations(.init(conversations: 1, threads: 1_000_000))
        let known = (0..<400).map { find(all, "agent-\($0)", "t", at: start) }
        for number in 0..<4_000 { _ = find(all, "mallory-\(number)", "t", at: start) }
        for (number, conversation) in known.enumerated() where conversation.id == "t" {
            #expect(find(all, "agent-\(number)", "t", at: start) === conversation)
        }
        #expect(all.reach(of: "agent-0", at: start).count == 1)
    }

    @Test func `a conversation ends with its silence`() {
        let all = conversations(.init())
        let first = find(all, "alice", "", at: start)
        _ = call(first, all, bytes: 10_000, at: start)
        #expect(all.bytes > 10_000)
        let later = start + Conversations.silence + .seconds(1)
        #expect(find(all, "alice", "", at: later) !== first)
        #expect(all.bytes == 0)
        // An answer that comes after that is counted nowhere.
        all.weigh(first, at: later)
        #expect(all.bytes == 0)
    }
}
