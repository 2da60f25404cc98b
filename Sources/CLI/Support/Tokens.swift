import Actions
import Identity

/// How imports on the command line replace secrets.
enum Tokens {
    /// With the key and the server names of the workspace where there is one.
    ///
    /// Elsewhere the key lives as long as the command: equal secrets are equal within one import and nowhere else.
    static func recordingImport() throws -> RecordingImport {
        if try Session.surroundings() != nil {
            let estate = try Session.open(.reading).estate
            return estate.recordingImport()
        }
        Output.talk("note: there is no workspace here, so secrets were replaced under a key that nobody keeps")
        let key = WorkspaceKey.ephemeral()
        return RecordingImport(secretDigest: { KeyedDigest(of: $0, key: key).description })
    }
}
