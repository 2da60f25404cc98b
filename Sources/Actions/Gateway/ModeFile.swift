import Core
import Gateway

/// The mode that people gave to a gateway, in a file of its folder.
struct ModeFile: ModeStore {
    struct Unreadable: Error {}

    let path: String

    func load() throws -> Modes.State {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: 1 << 16, kind: .plain, mayFollowLink: false)
        } catch {
            if error == .missing { return Modes.State() }
            throw Unreadable()
        }
        guard let state = (try? JSON.parse(bytes)).flatMap({ Modes.State($0) }) else { throw Unreadable() }
        return state
    }

    func save(_ state: Modes.State) -> Bool {
        do throws(FileFault) {
            try StoredFile.write(JSON.canonical(state.json) + [0x0A], to: path)
            return true
        } catch {
            return false
        }
    }
}
