import Core
import Playbooks

extension RunCommand {
    /// The form in which a command waits for the process that advances the run.
    var json: JSON.Object {
        switch self {
        case .pause(let reason): ["command": "pause", "reason": .string(reason)]
        case .resume: ["command": "resume"]
        case .cancel(let reason): ["command": "cancel", "reason": .string(reason)]
        case .skip(let name, let reason):
            ["command": "skip", "step": .string(name.description), "reason": .string(reason)]
        case .retry(let step, let reason):
            ["command": "retry", "step": .string(step.text), "reason": JSON.Value(reason)]
        case .rollback(let step, let reason):
            ["command": "rollback", "step": JSON.Value(step?.text), "reason": .string(reason)]
        case .vote(let name, let ballot):
            ["command": "vote", "step": .string(name.description), "ballot": .object(ballot.json)]
        case .measure(let name): ["command": "measure", "step": .string(name.description)]
        }
    }

    init?(_ json: JSON.Object) {
        let reason = json["reason"]?.string ?? ""
        let step = json["step"]?.string
        switch (json["command"]?.string, step) {
        case ("pause", _): self = .pause(reason: reason)
        case ("resume", _): self = .resume
        case ("cancel", _): self = .cancel(reason: reason)
        case ("skip", let step?): self = .skip(StepInstance(parsing: step), reason: reason)
        case ("retry", let step?): self = .retry(from: StepID(step), reason: json["reason"]?.string)
        case ("rollback", _): self = .rollback(to: step.map { StepID($0) }, reason: reason)
        case ("vote", let step?):
            guard let ballot = json["ballot"]?.object.flatMap(Ballot.init) else { return nil }
            self = .vote(StepInstance(parsing: step), ballot)
        case ("measure", let step?): self = .measure(StepInstance(parsing: step))
        default: return nil
        }
    }
}

extension Ballot {
    var json: JSON.Object {
        [
            "person": .string(person.text), "verdict": .string(verdict.rawValue), "reason": .string(reason),
            "ticket": JSON.Value(ticket), "shown": .string(shown.description),
            "generation": .integer(Int64(generation)), "authenticated": .bool(isAuthenticated),
            "proof": proof.map { .object($0) } ?? .null,
        ]
    }

    init?(_ json: JSON.Object) {
        guard let person = json["person"]?.string, let word = json["verdict"]?.string,
            let verdict = Verdict(rawValue: word), let reason = json["reason"]?.string,
            let shown = json["shown"]?.string.flatMap({ Digest($0) }), let generation = json["generation"]?.int,
            let isAuthenticated = json["authenticated"]?.bool
        else { return nil }
        self.init(
            person: PersonID(person),
            verdict: verdict,
            reason: reason,
            ticket: json["ticket"]?.string,
            shown: shown,
            generation: Int(generation),
            isAuthenticated: isAuthenticated,
            proof: json["proof"]?.object
        )
    }
}
