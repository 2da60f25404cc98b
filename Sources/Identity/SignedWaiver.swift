package import Core

/// What a person says when waiving something, exactly as it is signed.
///
/// The canonical bytes (RFC 8785) are the only form that counts. The end is part of it: a waiver that was made longer
/// by hand is not the one that was signed.
package struct WaiverStatement: Hashable, Sendable {
    package static let schema = "lockstep.exception/1"
    /// The namespace of the signature: a vote is never taken for a waiver, nor the other way round.
    package static let namespace = "lockstep-exception"

    package var id: String
    package var scope: String
    package var owner: String
    package var reason: String
    package var person: PersonID
    package var created: Timestamp
    package var expires: Timestamp

    /// What the maker of an exception has to sign.
    package init(_ exception: Exception, by person: PersonID) {
        id = exception.id
        scope = exception.scope
        owner = exception.owner
        reason = exception.reason
        self.person = person
        created = exception.created
        expires = exception.expires
    }

    package var canonicalBytes: [UInt8] {
        JSON.canonical([
            "schema": .string(Self.schema), "id": .string(id), "scope": .string(scope), "owner": .string(owner),
            "reason": .string(reason), "person": .string(person.text), "created": .string(created.description),
            "expires": .string(expires.description),
        ])
    }
}

/// The signature under a waiver and who is said to have made it: what the ledger keeps as its proof.
package struct WaiverProof: Hashable, Sendable {
    package let person: PersonID
    package let signature: SSHSignature

    /// Has a person's key sign a waiver.
    package init(
        signing exception: Exception,
        by person: PersonID,
        with signer: SSHSigner
    ) throws(SSHError) {
        self.person = person
        signature = try signer.sign(
            WaiverStatement(exception, by: person).canonicalBytes,
            namespace: WaiverStatement.namespace
        )
    }

    package var text: String {
        String(
            decoding: JSON.canonical(["person": .string(person.text), "signature": .string(signature.armored)]),
            as: UTF8.self
        )
    }

    package init(parsing text: String) throws(VoteError) {
        let value = try VoteError.parse(Array(text.utf8))
        guard let object = value.object, object.count == 2, let person = object["person"]?.string,
            let armored = object["signature"]?.string
        else { throw VoteError(.malformed, "the proof of the exception is not one that this version knows") }
        self.person = PersonID(person)
        do throws(SSHError) {
            signature = try SSHSignature(armored: armored)
        } catch {
            throw VoteError(.badSignature, error.message, help: error.help, cause: error)
        }
    }

    /// Proves that the person named made this very exception; `people` holds everyone's keys.
    package func verify(_ exception: Exception, people: [PersonID: [SSHPublicKey]]) throws(VoteError) {
        let owners = people.filter { $0.value.contains(signature.key) }.keys
        guard owners.count == 1, owners.first == person, let keys = people[person] else {
            throw VoteError(
                .wrongKey,
                "the key `\(signature.key.fingerprint)` does not belong to `\(person)` alone"
            )
        }
        do throws(SSHError) {
            _ = try signature.verify(
                WaiverStatement(exception, by: person).canonicalBytes,
                namespace: WaiverStatement.namespace,
                allowed: keys
            )
        } catch {
            throw VoteError(.badSignature, error.message, help: error.help, cause: error)
        }
    }
}
