import Actions
import Identity

/// How imports on the command line replace secrets.
enum Tokens {
    /// Outside of a workspace the key lives as long as the command: equal secrets are equal within one import and nowhere
    /// else.
    static func detached() -> RecordingImport {
        Output.talk("note: there is no workspace here, so secrets were replaced under a key that nobody keeps")
        let key = WorkspaceKey.ephemeral()
        return RecordingImport(secretDigest: { KeyedDigest(of: $0, key: key).description })
    }
}
