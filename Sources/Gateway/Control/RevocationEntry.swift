package import Core

/// Where revocations are kept, durably before they are acknowledged; several processes may write there.
package protocol RevocationStore: Sendable {
    /// Another one whenever the list was written; nothing where that cannot be told.
    var mark: RevocationMark? { get }

    func load(_ control: ControlKeys) throws -> [Revocations.Entry]

    /// Reads the list and writes what becomes of it, while no other process does either.
    ///
    /// - Parameters:
    ///   - control: Whose lifts are believed.
    ///   - change: Is given what was written, or nothing where that cannot be believed, and says what to write; nothing is
    ///     written where it says nothing.
    /// - Returns: The mark of the list that was written; nothing where none was.
    func update(
        _ control: ControlKeys,
        _ change: ([Revocations.Entry]?) -> [Revocations.Entry]?
    ) -> RevocationMark?
}

/// What tells one state of a file from the next without reading it.
package struct RevocationMark: Sendable, Hashable {
    private let numbers: [Int64]

    package init(_ numbers: [Int64]) { self.numbers = numbers }
}

extension Revocations.Entry {
    /// As lists and files have it.
    package var json: JSON.Value {
        var object: JSON.Object = [
            "number": .integer(Int64(number)), "principal": .string(principal), "reason": .string(reason),
            "by": .string(by), "time": .string(at.description),
        ]
        object["proof"] = proof?.json
        if let lifted {
            var lift: JSON.Object = [
                "by": .string(lifted.by), "reason": .string(lifted.reason), "time": .string(lifted.at.description),
            ]
            lift["proof"] = lifted.proof?.json
            object["lifted"] = .object(lift)
        }
        return .object(object)
    }

    /// The same kill under another number, in force: what a vote to lift it would have named is another entry.
    package func numbered(_ number: Int) -> Revocations.Entry {
        Revocations.Entry(number: number, principal: principal, reason: reason, by: by, at: at, proof: proof)
    }

    /// Whether both are the same kill, lifted or not.
    private func isSame(as other: Revocations.Entry) -> Bool {
        number == other.number && at == other.at && principal == other.principal && reason == other.reason
            && by == other.by && proof == other.proof
    }

    /// Both lists in one, in which nobody is missing whom either denies; a list that only grew is as it was.
    ///
    /// What another process wrote comes first and keeps its numbers. Nobody is denied twice: one lift gives access back.
    package static func merged(
        _ entries: [Revocations.Entry],
        into written: [Revocations.Entry]
    ) -> [Revocations.Entry] {
        let common = zip(written, entries).prefix { $0.isSame(as: $1) }.count
        var all = written
        for at in 0..<common where all[at].lifted == nil { all[at].lifted = entries[at].lifted }
        guard common < entries.count else { return all }
        var denied = Set(all.lazy.filter { $0.lifted == nil }.map(\.principal))
        for entry in entries.dropFirst(common) where denied.insert(entry.principal).inserted {
            all.append(entry.numbered(all.count + 1))
        }
        return all
    }

    /// As commands show it, with the digest that a vote to lift it names.
    package var shownJSON: JSON.Value {
        var object = json.object ?? [:]
        object["digest"] = .string(digest.description)
        return .object(object)
    }

    /// Reads what `json` writes; nothing where something is missing or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let number = json["number"]?.int, let principal = json["principal"]?.string,
            let reason = json["reason"]?.string, let by = json["by"]?.string,
            let at = json["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        var proof: RevocationProof?
        if let written = json["proof"] {
            guard let read = RevocationProof(written) else { return nil }
            proof = read
        }
        var lift: Lift?
        if let lifted = json["lifted"] {
            guard let by = lifted["by"]?.string, let reason = lifted["reason"]?.string,
                let at = lifted["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            else { return nil }
            var proof: RevocationProof?
            if let written = lifted["proof"] {
                guard let read = RevocationProof(written) else { return nil }
                proof = read
            }
            lift = Lift(by: by, reason: reason, at: at, proof: proof)
        }
        self.init(
            number: Int(number),
            principal: principal,
            reason: reason,
            by: by,
            at: at,
            proof: proof,
            lifted: lift
        )
    }

    /// What is wrong with it as one of a list, in a few words, where something is.
    package func fault(after number: Int, gateway: String, control: ControlKeys) -> String? {
        guard self.number == number + 1 else { return "revocation \(number + 1) is missing" }
        guard let lifted, !control.people.isEmpty else { return nil }
        guard let proof = lifted.proof, let statement = proof.statement, statement.action == .lift,
            statement.entries[gateway] == digest, control.signer(of: proof, mayBeRetired: true) != nil
        else { return "revocation \(self.number) was lifted without the vote of a person of this gateway" }
        return nil
    }

    /// Why a vote does not lift it.
    struct Unproven: Error { let why: String }

    /// Who voted for the lift; nobody where no vote is needed.
    func voter(
        _ proof: RevocationProof?,
        reason: String,
        gateway: String,
        _ keys: ControlKeys
    ) -> Result<String?, Unproven> {
        guard keys.isNamed else { return .success(nil) }
        guard let proof, case .signature(let statement, _) = proof else {
            return .failure(Unproven(why: "a lift needs the signed vote of a person"))
        }
        guard statement.action == .lift, statement.principal == principal, statement.reason == reason else {
            return .failure(Unproven(why: "the vote is about something else"))
        }
        guard statement.entries[gateway] == digest else {
            return .failure(Unproven(why: "the vote is about another kill than the one in force"))
        }
        guard let signer = keys.signer(of: proof) else {
            return .failure(Unproven(why: "the vote is not signed by a person of this gateway"))
        }
        return .success(signer)
    }
}
