package import Core
import Synchronization

/// Calls that a person is asked about (design §7): nothing is held open, an answer is good for one call.
package final class Asks: Sendable {
    package enum Answer: String, Sendable { case allow, deny }

    package struct Question: Sendable, Hashable {
        package let id: String
        package let principal: String
        package let server: String
        package let tool: String
        /// Of the canonical arguments: the answer is about these and no others.
        package let arguments: Digest
        /// As people are shown them.
        package let shown: String
        package let rule: String?
        package let at: Timestamp
        package var answer: Answer?
        package var answeredBy: String?
    }

    package static let validity: Duration = .seconds(900)
    static let most = 10_000
    /// One that asks without end leaves room for the others.
    private static let mostOfOne = 100

    private let questions = Mutex<[String: Question]>([:])
    private let newID: @Sendable () -> String
    private let store: (any AskStore)?

    /// Questions are also left at `store`, for people who cannot reach this process.
    package init(store: (any AskStore)? = nil, newID: @escaping @Sendable () -> String) {
        self.store = store
        self.newID = newID
    }

    package enum Outcome: Sendable, Hashable {
        /// A person allowed exactly this call; the answer is used up.
        case granted
        case denied
        case asked(id: String)
    }

    /// Uses up an answer for this call, or asks.
    func outcome(
        principal: String,
        server: String,
        tool: String,
        arguments: Digest,
        shown: String,
        rule: String?,
        at now: Timestamp
    ) -> Outcome {
        questions.withLock { questions in
            let isSame = { (question: Question) in
                question.principal == principal && question.server == server && question.tool == tool
                    && question.arguments == arguments && now - question.at <= Self.validity
            }
            // Two may be about one call where one was taken over from another process: a denial counts before all.
            let same = questions.values.filter(isSame)
            if let known = same.first(where: { $0.answer == .deny }) ?? same.first(where: { $0.answer == .allow })
                ?? same.first
            {
                switch known.answer {
                case .allow:
                    questions[known.id] = nil
                    return .granted
                case .deny: return .denied
                case nil: return .asked(id: known.id)
                }
            }
            let open = questions.values.count { $0.principal == principal && now - $0.at <= Self.validity }
            guard open < Self.mostOfOne else { return .denied }
            if questions.count >= Self.most {
                questions = questions.filter { now - $0.value.at <= Self.validity }
                guard questions.count < Self.most else { return .denied }
            }
            let question = Question(
                id: newID(),
                principal: principal,
                server: server,
                tool: tool,
                arguments: arguments,
                shown: shown,
                rule: rule,
                at: now
            )
            questions[question.id] = question
            store?.leave(question)
            return .asked(id: question.id)
        }
    }

    /// The questions that can still be answered, oldest first.
    package func open(at now: Timestamp) -> [Question] {
        questions.withLock { questions in
            questions.values.filter { $0.answer == nil && now - $0.at <= Self.validity }
                .sorted { ($0.at, $0.id) < ($1.at, $1.id) }
        }
    }

    /// Answers a question; nil where there is none of that id, or it is too old or answered.
    package func answer(_ id: String, _ answer: Answer, by person: String, at now: Timestamp) -> Question? {
        questions.withLock { questions in
            guard var question = questions[id], question.answer == nil, now - question.at <= Self.validity else {
                return nil
            }
            question.answer = answer
            question.answeredBy = person
            questions[id] = question
            return question
        }
    }

    package subscript(id: String) -> Question? { questions.withLock { $0[id] } }

    /// Takes over what another process asked that is no more; nothing where it is known or too many are.
    package func adopt(_ question: Question, at now: Timestamp) {
        questions.withLock { questions in
            guard questions[question.id] == nil, questions.count < Self.most, question.answer == nil,
                now - question.at <= Self.validity
            else { return }
            questions[question.id] = question
        }
    }

    /// Forgets a question that can no longer be answered here; the call is asked about anew.
    package func forget(_ id: String) { questions.withLock { $0[id] = nil } }
}

/// Where questions are left for people who cannot reach the process that asks.
package protocol AskStore: Sendable {
    /// Called on an event loop: the disk is waited for elsewhere.
    func leave(_ question: Asks.Question)
}
