package import Core
package import Gateway
import Workspace

/// A gateway that a command wants to reach: what its document and its folder say about the way to it.
package struct GatewayContact: Sendable {
    package let id: String
    /// The gateway's document, as it was named.
    package let file: String
    /// Nothing where the gateway does not run, or cannot be read: then why.
    package let client: Result<AdminClient, AdminClient.Unreachable>
    /// What answers in place of a gateway where programs alone are wrapped.
    package let desk: FolderDesk?
    /// The gateway's folder.
    package let state: String
    /// The folder from which it pulls who is denied.
    package let listFolder: String?

    /// - Throws: `InvalidInput` or `GatewayRuntime.Failure` for a document that cannot be read.
    package init(_ file: String) throws {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(file, limit: 1 << 20)
        } catch {
            throw GatewayRuntime.Failure("unreadable", "`\(file)` cannot be read: \(error.sentence)", isInput: true)
        }
        let document = try GatewayDocument.read(bytes, file: file, for: .contacting)
        self.file = file
        id = document.configuration.id
        let files = GatewayFiles(document, beside: file)
        state = files.path(document.state)
        listFolder = document.controlFrom.map(files.path)
        guard !document.isForProgramsAlone else {
            desk = FolderDesk(files)
            client = .failure(AdminClient.Unreachable(message: "its document is for programs alone: nothing listens"))
            return
        }
        desk = nil
        client = Self.client(state)
    }

    /// Asks whatever answers for it.
    package func get(_ path: String) async throws(AdminClient.Unreachable) -> AdminClient.Reply {
        if let desk { return try await desk.get(path) }
        return try await client.get().get(path)
    }

    /// Tells whatever answers for it to do something.
    package func post(
        _ path: String,
        _ body: JSON.Value
    ) async throws(AdminClient.Unreachable) -> AdminClient.Reply {
        if let desk { return try await desk.post(path, body) }
        return try await client.get().post(path, body)
    }

    /// Where questions of wrapped programs lie.
    package var questions: AskFolder { AskFolder(in: state) }

    private static func client(_ state: String) -> Result<AdminClient, AdminClient.Unreachable> {
        do throws(FileFault) {
            let socket = AdminSocket(in: state + "/control")
            return .success(AdminClient(socket, token: Redacted(try line(state + "/control/admin-token"))))
        } catch {
            return .failure(
                AdminClient.Unreachable(
                    message: error == .missing ? "it does not run here" : "its folder cannot be read: \(error.sentence)"
                )
            )
        }
    }

    private static func line(_ path: String) throws(FileFault) -> String {
        String(decoding: try StoredFile.read(path, limit: 1_024).filter { $0 > 0x20 }, as: UTF8.self)
    }
}
