package import Core

/// A vote and the signature that came with it, not yet believed.
///
/// As a file: `{"vote":{…},"signature":"-----BEGIN SSH SIGNATURE-----…"}`. The signature covers the canonical bytes of
/// the vote, so how the file is indented does not matter, and `ssh-keygen -Y verify` can check it without us.
package struct SignedVote: Hashable, Sendable {
    package let vote: Vote
    package let signature: SSHSignature

    package init(vote: Vote, signature: SSHSignature) {
        self.vote = vote
        self.signature = signature
    }

    /// Has a person's key sign a vote.
    package init(signing vote: Vote, with signer: SSHSigner) throws(SSHError) {
        self.init(vote: vote, signature: try signer.sign(vote.canonicalBytes, namespace: Vote.namespace))
    }

    package var json: JSON.Value {
        .object(["vote": vote.json, "signature": .string(signature.armored)])
    }

    /// The canonical text of the file.
    package var bytes: [UInt8] { JSON.canonical(json) }

    /// Reads the file format; unknown members are refused.
    package init(parsing bytes: [UInt8]) throws(VoteError) {
        guard let object = try VoteError.parse(bytes).object else {
            throw VoteError(.malformed, "the signed vote is not a JSON object")
        }
        for key in object.keys where key != "vote" && key != "signature" {
            throw VoteError(.unknownMember, "the signed vote has the unknown member `\(VoteError.shown(key))`")
        }
        guard let vote = object["vote"] else { throw VoteError(.missingMember, "the signed vote lacks `vote`") }
        guard let armored = object["signature"] else {
            throw VoteError(.missingMember, "the signed vote lacks `signature`")
        }
        guard let armored = armored.string else { throw VoteError.malformed("signature") }
        let parsed = try Vote(json: vote)
        do throws(SSHError) {
            self.init(vote: parsed, signature: try SSHSignature(armored: armored))
        } catch {
            throw VoteError(.badSignature, error.message, help: error.help, cause: error)
        }
    }

    /// Proves that the person named in the vote signed it.
    ///
    /// `people` holds everyone's keys, not only the named one's: a key that two people list would let one of them vote
    /// twice, so it counts for neither.
    package func verify(people: [PersonID: [SSHPublicKey]]) throws(VoteError) -> VerifiedVote {
        guard let keys = people[vote.person] else {
            throw VoteError(.unknownPerson, "nobody is known by the name `\(vote.person)`")
        }
        let owners = people.filter { $0.value.contains(signature.key) }.keys.sorted()
        guard keys.contains(signature.key) else {
            guard let owner = owners.first else {
                throw VoteError(
                    .wrongKey,
                    "the key `\(signature.key.fingerprint)` does not belong to `\(vote.person)`",
                    help: "sign with a key that `lockstep.yaml` lists for `\(vote.person)`"
                )
            }
            throw VoteError(.wrongKey, "the vote names `\(vote.person)` but is signed with a key of `\(owner)`")
        }
        guard owners.count == 1 else {
            let names = owners.map { "`\($0)`" }.joined(separator: " and ")
            throw VoteError(
                .sharedKey,
                "the key `\(signature.key.fingerprint)` belongs to \(names), so it proves neither",
                help: "give each person a key of their own"
            )
        }
        do throws(SSHError) {
            let key = try signature.verify(vote.canonicalBytes, namespace: Vote.namespace, allowed: keys)
            return VerifiedVote(vote: vote, key: key)
        } catch {
            throw VoteError(.badSignature, error.message, help: error.help, cause: error)
        }
    }
}

/// A vote that its person is proven to have signed; only `SignedVote.verify` makes one.
package struct VerifiedVote: Hashable, Sendable {
    package let vote: Vote
    package let key: SSHPublicKey

    package var person: PersonID { vote.person }

    fileprivate init(vote: Vote, key: SSHPublicKey) {
        self.vote = vote
        self.key = key
    }
}
