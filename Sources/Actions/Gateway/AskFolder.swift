package import Core
import FoundationEssentials
package import Gateway
import Glibc
import Synchronization

/// Questions of wrapped programs, a file each in the gateway's folder, where commands find and answer them.
///
/// A program has no port that a command could ask. Whoever answers writes the answer into the question's file, synced before
/// it is acknowledged; the process that asked takes the file away and only then lets the call pass, so that an answer is
/// good once, whoever dies when. It is good for the question as that process remembers it and no other: what a file says
/// of the call is compared with it. Questions of a process that is no more belong to the next one that wraps the server.
package final class AskFolder: Sendable {
    private let path: String
    private let disk = DiskQueue()
    private let known = Mutex<[String: Owner]>([:])
    private static let longest = 64 << 10
    private static let mostFiles = 10_000

    /// Whose question it is.
    private enum Owner: Sendable {
        case mine
        case other(Process, Asks.Question)
    }

    /// A process, told apart from a later one of the same number by when it began.
    private struct Process: Sendable {
        var id: Int32
        var began: String

        static let own = Process(id: getpid())

        init(id: Int32, began: String) {
            self.id = id
            self.began = began
        }

        init(id: Int32) {
            // proc_pid_stat(5): the 22nd field; the name before it may hold spaces and ends with a parenthesis.
            let bytes = (try? StoredFile.read("/proc/\(id)/stat", limit: 4_096)) ?? []
            let rest = bytes.lastIndex(of: UInt8(ascii: ")")).map { bytes[($0 + 1)...] } ?? []
            let fields = rest.split(separator: UInt8(ascii: " "))
            self.init(id: id, began: fields.count > 19 ? String(decoding: fields[19], as: UTF8.self) : "")
        }

        var lives: Bool { !began.isEmpty && Process(id: id).began == began }
    }

    private struct Kept {
        var question: Asks.Question
        var asker: Process
        var answer: Asks.Answer?
        var by: String
        var reason: String?
    }

    /// The questions of the gateway that keeps its state in `state`.
    package init(of state: String) throws(FileFault) {
        path = state + "/control/asks"
        try StoredFile.makeFolder(path)
    }

    /// The same for who asks nothing: a folder that is not there has no questions.
    package init(in state: String) { path = state + "/control/asks" }

    private func locked() throws(FileFault) -> HeldFolder { try HeldFolder(path, isPrivate: true, isLocked: true) }

    private static func isID(_ name: String) -> Bool {
        name.utf8.count == 16 && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private func names() -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return Array(all.filter(Self.isID).sorted().prefix(Self.mostFiles))
    }

    private func read(_ id: String) -> Kept? {
        guard
            let bytes = try? StoredFile.read("\(path)/\(id)", limit: Self.longest, kind: .secret, mayFollowLink: false),
            let json = try? JSON.parse(bytes), let question = json["question"].flatMap({ Asks.Question($0) }),
            question.id == id, let process = json["process"]?.int.flatMap({ Int32(exactly: $0) }),
            let began = json["began"]?.string
        else { return nil }
        var answer: Asks.Answer?
        if let written = json["answer"] {
            guard let read = written.string.flatMap({ Asks.Answer(rawValue: $0) }) else { return nil }
            answer = read
        }
        return Kept(
            question: question,
            asker: Process(id: process, began: began),
            answer: answer,
            by: json["by"]?.string ?? "",
            reason: json["reason"]?.string
        )
    }

    private static func bytes(_ kept: Kept) -> [UInt8] {
        var object: JSON.Object = [
            "question": kept.question.shownJSON, "process": .integer(Int64(kept.asker.id)),
            "began": .string(kept.asker.began),
        ]
        object["answer"] = kept.answer.map { .string($0.rawValue) }
        if kept.answer != nil { object["by"] = .string(kept.by) }
        object["reason"] = kept.reason.map(JSON.Value.string)
        return JSON.canonical(.object(object)) + [0x0A]
    }

    // MARK: The process that asks

    /// Returns when what was begun is written.
    func finish() async { await disk.finish() }

    /// Takes in what people answered, and questions about `server` that nobody waits for any more.
    func look(into shared: Shared, server: String, gateway: String) {
        disk.run { [self] in take(into: shared, server: server, gateway: gateway) }
    }

    /// The same before anybody can ask, waiting for the disk.
    func take(into shared: Shared, server: String, gateway: String) {
        let now = shared.clock()
        let names = names()
        let present = Set(names)
        for (id, owner) in known.withLock({ $0 }) where !present.contains(id) {
            // Answered to another process, or taken away: the call is asked about anew.
            known.withLock { $0[id] = nil }
            if case .mine = owner, shared.asks[id]?.answer == nil { shared.asks.forget(id) }
        }
        for id in names {
            switch known.withLock({ $0[id] }) {
            case .mine: settle(id, into: shared, gateway: gateway, now)
            case .other: adopt(id, into: shared, server: server, gateway: gateway, now)
            case nil:
                guard let kept = read(id) else { continue }
                if now - kept.question.at > Asks.validity {
                    remove(id)
                } else {
                    known.withLock { if $0[id] == nil { $0[id] = .other(kept.asker, kept.question) } }
                    adopt(id, into: shared, server: server, gateway: gateway, now)
                }
            }
        }
    }

    private func adopt(_ id: String, into shared: Shared, server: String, gateway: String, _ now: Timestamp) {
        guard case .other(let process, let question) = known.withLock({ $0[id] }), question.server == server,
            !process.lives
        else { return }
        shared.asks.adopt(question, at: now)
        known.withLock { $0[id] = .mine }
        settle(id, into: shared, gateway: gateway, now)
    }

    private func settle(_ id: String, into shared: Shared, gateway: String, _ now: Timestamp) {
        guard let mine = shared.asks[id], now - mine.at <= Asks.validity else {
            remove(id)
            shared.asks.forget(id)
            known.withLock { $0[id] = nil }
            return
        }
        guard let kept = read(id), let answer = kept.answer else { return }
        // Gone before it counts, or one answer could be good for two calls.
        guard remove(id) else { return }
        known.withLock { $0[id] = nil }
        // As it is written: times are finer in memory.
        guard kept.question.shownJSON == mine.shownJSON,
            shared.answerAsk(id, answer, by: kept.by, reason: kept.reason, gateway: gateway) != nil
        else { return shared.asks.forget(id) }
    }

    @discardableResult
    private func remove(_ id: String) -> Bool {
        do throws(FileFault) {
            try locked().remove(id)
            return true
        } catch {
            return false
        }
    }

    // MARK: People

    /// The questions that can still be answered, oldest first.
    package func open(at now: Timestamp) -> [Asks.Question] {
        names().compactMap(read).filter { $0.answer == nil && now - $0.question.at <= Asks.validity }
            .map(\.question).sorted { ($0.at, $0.id) < ($1.at, $1.id) }
    }

    /// Answers a question for good: the answer is on disk when this returns.
    ///
    /// - Returns: The question; nothing where none of that id can be answered.
    package func answer(
        _ id: String,
        _ answer: Asks.Answer,
        by person: String,
        reason: String?,
        at now: Timestamp
    ) throws(FileFault) -> Asks.Question? {
        guard Self.isID(id) else { return nil }
        let folder = try locked()
        guard var kept = read(id), kept.answer == nil, now - kept.question.at <= Asks.validity else { return nil }
        (kept.answer, kept.by, kept.reason) = (answer, person, reason)
        try folder.write(Self.bytes(kept), to: id)
        return kept.question
    }
}

extension AskFolder: AskStore {
    package func leave(_ question: Asks.Question) {
        disk.run { [self] in
            let kept = Kept(question: question, asker: .own, by: "")
            do throws(FileFault) {
                try locked().write(Self.bytes(kept), to: question.id)
                known.withLock { $0[question.id] = .mine }
            } catch {
                // Nobody can answer it then, and the call stays denied.
            }
        }
    }
}
