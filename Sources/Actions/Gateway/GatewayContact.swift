package import Core
import Documents
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
    /// What is wrong with its document, where enough of it could be read.
    package let fault: Diagnostic?

    /// - Throws: `InvalidInput` or `GatewayRuntime.Failure` for a document that cannot be read.
    package init(_ file: String) throws {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(file, limit: 1 << 20)
        } catch {
            throw GatewayRuntime.Failure("unreadable", "`\(file)` cannot be read: \(error.sentence)", isInput: true)
        }
        self.file = file
        let document: GatewayDocument
        do throws(InvalidInput) {
            document = try GatewayDocument.read(bytes, file: file, for: .contacting)
        } catch {
            // A gateway goes on with what it read before; who wants to stop an agent must not have to mend a file first.
            guard let place = Whereabouts(bytes, file) else { throw error }
            id = place.id
            state = place.state
            listFolder = place.listFolder
            desk = nil
            client = Self.client(place.state)
            fault = error.diagnostics.sorted.first
            return
        }
        fault = nil
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

/// Where a gateway is, out of a document of which something else is wrong.
private struct Whereabouts {
    let id: String
    let state: String
    let listFolder: String?

    init?(_ bytes: [UInt8], _ file: String) {
        let (node, syntax) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "gateway", syntax)
        guard let node, var reader = MappingReader(node, problems, as: "a gateway"), let id = reader.string("gateway")
        else { return nil }
        let parts = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let folder = parts.isEmpty ? "." : parts.joined(separator: "/")
        func path(_ name: String) -> String { name.hasPrefix("/") ? name : "\(folder)/\(name)" }
        self.id = id.value
        state = path(reader.string("state")?.value ?? "state")
        var control = reader.mapping("control")
        listFolder = control?.string("from").map { path($0.value) }
    }
}
