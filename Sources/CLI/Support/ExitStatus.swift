import ArgumentParser
import Core
import Engine
import Identity

/// The exit codes of design §9; scripts rely on them.
enum ExitStatus {
    static let done = ExitCode(0)
    /// Could not do it.
    static let failed = ExitCode(1)
    /// The answer is no: a gate failed, a policy denied, a finding is above the threshold.
    static let answerIsNo = ExitCode(2)
    /// What the person wrote is invalid.
    static let invalidInput = ExitCode(3)
    /// `run` returned waiting for time or people.
    static let waiting = ExitCode(4)

    /// A vote that does not count is an answer; one that cannot be read, or lacks what a vote must have, is bad input.
    static func of(_ error: VoteError) -> ExitCode {
        switch error.code {
        case .malformed, .unknownSchema, .unknownMember, .missingMember: invalidInput
        case .unknownPerson, .wrongKey, .sharedKey, .badSignature: answerIsNo
        }
    }

    /// The engine refuses votes with the same kind of error as malformed input; the code tells them apart.
    static func of(_ input: InvalidInput) -> ExitCode {
        let refused = Set(VoteRefusal.Code.allCases).subtracting([.reasonMissing, .ticketMissing]).map(\.rawValue)
        return input.diagnostics.contains { refused.contains($0.code) } ? answerIsNo : invalidInput
    }
}

/// An error that a command ends with: one sentence, a stable code, perhaps a suggestion.
struct CommandFailure: Error {
    var code: String
    var message: String
    var help: String?
    var status: ExitCode

    init(_ code: String, _ message: String, help: String? = nil, status: ExitCode = ExitStatus.failed) {
        self.code = code
        self.message = message
        self.help = help
        self.status = status
    }
}
