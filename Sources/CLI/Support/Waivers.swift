import Actions
import Core
import FoundationEssentials
import Identity
import Workspace

extension Waivers {
    /// Signs an exception with a key file or the agent; leaves it unsigned where neither is at hand.
    ///
    /// - Throws: what is wrong with the key file that was named.
    func signed(_ exception: Core.Exception, by person: PersonID, key: String?) throws -> Core.Exception {
        let environment = ProcessInfo.processInfo.environment
        let keys = people[person] ?? []
        let signer: SSHSigner
        if let key {
            signer = try SSHSigner.named(file: absolute(key), environment: environment)
        } else {
            guard let agent = try? SSHAgent(environment: environment),
                let held = try? SSHSigner.held(by: agent, among: keys)
            else { return exception }
            signer = held
        }
        var signed = exception
        let proof = try WaiverProof(signing: exception, by: person, with: signer)
        try proof.verify(exception, people: people)
        signed.createdBy = "user:\(person)"
        signed.proof = proof.text
        signed.isAuthenticated = true
        return signed
    }
}
