package import Core
import FoundationEssentials
import Glibc
import Identity
package import Wire
package import Workspace

/// Why a recording could not be read to its end; the description goes after the name of the file.
package enum RecordingFault: Error, Sendable, Hashable, CustomStringConvertible {
    case file(FileFault)
    case gzip(Gunzip.Failure)
    case shard(ShardFault)
    /// A folder that is not the recordings of a workspace.
    case folder
    case workspace(String)
    /// The recordings of a workspace are not those that were taken in; the first finding.
    case altered(String)
    /// Too much in a row without a line end.
    case endlessLine

    package var code: String {
        switch self {
        case .file, .folder: "input.unreadable"
        case .gzip(let failure): "input.gzip-\(failure.rawValue)"
        case .shard(let fault): fault.code
        case .workspace: "workspace.recording"
        case .altered: "recordings.altered"
        case .endlessLine: "input.endless-line"
        }
    }

    package var description: String {
        switch self {
        case .file(let fault): fault.sentence
        case .gzip(let failure): failure.sentence
        case .shard(let fault): fault.description
        case .folder: "is a folder, and not the `.lockstep/recordings` of a workspace"
        case .workspace(let words): words
        case .altered(let finding):
            "the recordings are not those that were taken in: \(finding); see `lockstep doctor`"
        case .endlessLine: "holds more than \(LineBound.mostBytes >> 20) MB without a line end"
        }
    }
}

/// How much was read since the last line end: what never ends a line is no recording, and might never end at all.
private struct LineBound {
    static let mostBytes = 256 << 20
    private var bytes = 0

    /// Whether the line at hand may still end.
    mutating func take(_ piece: Span<UInt8>) -> Bool {
        var at = piece.count
        while at > 0, piece[at - 1] != 0x0A { at -= 1 }
        // Only what begins in an earlier piece can be longer than one.
        bytes = at > 0 ? piece.count - at : bytes + piece.count
        return bytes <= Self.mostBytes
    }
}

/// The bytes of recordings, however they are kept: plain, packed with gzip, or encrypted in a workspace.
///
/// What a file is shows in its first bytes. The key of an encrypted one is that of the workspace it lies in, else of the one
/// at hand. The folder `.lockstep/recordings` stands for all recordings of its workspace, in their order.
package enum RecordingSource {
    /// One file to read, by the name that people gave it.
    package struct Part: Sendable {
        package var name: String
        fileprivate var place: String
        /// Whether the journal was asked about the shard.
        fileprivate var isListed = false
        /// Of a gateway of this workspace, which seals with keys of its own.
        fileprivate var gatewayKeys: KeyRing?
    }

    private static let pieceBytes = 1 << 20

    /// The files that a name stands for.
    package static func parts(of name: String) throws(RecordingFault) -> [Part] {
        var status = stat()
        guard name != "-", unsafe stat(name, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return [Part(name: name, place: name)]
        }
        let path = absolute(name)
        let names = path.split(separator: "/").filter { $0 != "." }
        guard names.suffix(2).elementsEqual([".lockstep", "recordings"]) else { throw .folder }
        let workspace = WorkspaceFolder(root: "/" + names.dropLast(2).joined(separator: "/"))
        let shards: [RecordingFolder.Shard]
        let doubt: RecordingAudit.Finding?
        do throws(WorkspaceError) {
            // What is mined without a day of it, or with another in its place, says something else.
            (shards, doubt) = try RecordingAudit.checkedShards(of: workspace)
        } catch {
            throw .workspace("cannot be listed: \(error.message)")
        }
        if let doubt { throw .altered(doubt.sentence) }
        return shards.map { Part(name: $0.name, place: $0.place, isListed: true) }
    }

    /// What a gateway has recorded, for whoever may read its folder.
    ///
    /// Sealed with the gateway's own key, which lies beside: to be asked for gateways of this workspace alone, since what
    /// such a recording says of itself is believed.
    static func parts(ofGateway id: String, at state: String) throws(RecordingFault) -> [Part] {
        let ring: KeyRing
        do throws(KeyStoreError) {
            ring = try KeyStore(directory: state + "/keys").load(.recording)
        } catch {
            throw .workspace("cannot be opened: \(error.message)")
        }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: state + "/recordings") else {
            throw .file(.missing)
        }
        return names.sorted().filter { !$0.hasPrefix(".") }.map { name in
            Part(name: "\(id)/\(name)", place: "\(state)/recordings/\(name)", isListed: true, gatewayKeys: ring)
        }
    }

    /// Hands over the plain bytes in pieces, each with whether this workspace sealed it.
    ///
    /// Sealed here is what opens with a key of the workspace at hand: nobody else can have written it. The store of another
    /// workspace opens with that one's key and proves nothing here.
    ///
    /// - Returns: A sentence about what a killed writer left, if it left something.
    package static func read(
        _ part: Part,
        _ body: (_ bytes: Span<UInt8>, _ isSealedHere: Bool) -> Void
    ) throws(RecordingFault) -> String? {
        let isInput = part.name == "-"
        let descriptor = isInput ? STDIN_FILENO : unsafe open(part.place, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(FileFault(errno: errno)) }
        defer { if !isInput { close(descriptor) } }
        var buffer = [UInt8](repeating: 0, count: pieceBytes)
        var length = 0
        // A pipe may give a byte at a time; a few are needed to tell what they are.
        while length < ShardHeader.magic.count {
            let more = try read(descriptor, &buffer, from: length)
            if more == 0 { break }
            length += more
        }
        let head = Array(buffer[..<min(length, 64)])
        if ShardHeader.isShard(head) { return try decrypted(part, isInput, body) }
        if Gunzip.isGzip(head) { try unpacked(Array(buffer[..<length]), descriptor, body); return nil }
        var bound = LineBound()
        while length > 0 {
            guard bound.take(buffer.span.extracting(0..<length)) else { throw .endlessLine }
            body(buffer.span.extracting(0..<length), false)
            length = try read(descriptor, &buffer, from: 0)
        }
        return nil
    }

    /// Holds a shard that is named by itself against the journal, as all of them are together.
    private static func check(_ part: Part, _ workspace: WorkspaceFolder) throws(RecordingFault) {
        let doubt: RecordingAudit.Finding?
        do throws(WorkspaceError) { doubt = try RecordingAudit.doubt(about: part.place, in: workspace) } catch {
            throw .workspace("cannot be held against the journal: \(error.message)")
        }
        if let doubt { throw .altered(doubt.sentence) }
    }

    private static func decrypted(
        _ part: Part,
        _ isInput: Bool,
        _ body: (Span<UInt8>, Bool) -> Void
    ) throws(RecordingFault) -> String? {
        // A shard is read from its file, whose place says whose it is.
        guard !isInput else { throw .shard(.header) }
        if let ring = part.gatewayKeys { return try opened(part, ring, body) }
        let own = here()
        let owner = workspace(of: part.place) ?? own
        if !part.isListed, let owner { try check(part, owner) }
        do throws(ShardFault) {
            let own = own.map { RecordingFolder($0) }
            let folder = owner.map { RecordingFolder($0) }
            var isSealedHere = false
            var reader = try ShardReader(part.place) { id throws(ShardFault) in
                let key = try folder?.key(id)
                let ownKey = try own?.key(id)
                isSealedHere = key != nil && ownKey?.secret == key?.secret
                return key
            }
            while let chunk = try reader.next() { body(chunk.span, isSealedHere) }
            guard case .unfinished(let lost)? = reader.ending else { return nil }
            return "`\(part.name)` has no end mark: its writer still runs or was killed"
                + (lost > 0 ? ", \(lost) bytes of its last chunk are lost" : "")
        } catch {
            throw .shard(error)
        }
    }

    private static func opened(
        _ part: Part,
        _ ring: KeyRing,
        _ body: (Span<UInt8>, Bool) -> Void
    ) throws(RecordingFault) -> String? {
        do throws(ShardFault) {
            var reader = try ShardReader(part.place) { id throws(ShardFault) in ring.key(id: id) }
            // A gateway that runs has its last shard open: what it wrote until now is whole.
            while let chunk = try reader.next() { body(chunk.span, true) }
            return nil
        } catch {
            throw .shard(error)
        }
    }

    private static func unpacked(
        _ beginning: [UInt8],
        _ descriptor: Int32,
        _ body: (Span<UInt8>, Bool) -> Void
    ) throws(RecordingFault) {
        var piece = beginning
        var buffer = [UInt8](repeating: 0, count: pieceBytes)
        var bound = LineBound()
        var isEndless = false
        let failure = try Gunzip.unpack(
            { () throws(RecordingFault) in
                guard !isEndless else { throw .endlessLine }
                guard piece.isEmpty else {
                    defer { piece = [] }
                    return piece
                }
                return Array(buffer[..<(try read(descriptor, &buffer, from: 0))])
            },
            {
                isEndless = isEndless || !bound.take($0.span)
                if !isEndless { body($0.span, false) }
            }
        )
        if let failure { throw .gzip(failure) }
        if isEndless { throw .endlessLine }
    }

    private static func read(_ file: Int32, _ buffer: inout [UInt8], from: Int) throws(RecordingFault) -> Int {
        while true {
            let length = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(file, $0.baseAddress?.advanced(by: from), $0.count - from)
            }
            if length < 0, errno == EINTR { continue }
            guard length >= 0 else { throw .file(FileFault(errno: errno)) }
            return length
        }
    }

    private static func workspace(of place: String) -> WorkspaceFolder? {
        let folder = absolute(place).split(separator: "/").dropLast().joined(separator: "/")
        return WorkspaceFolder.nearest(to: "/" + folder)
    }

    /// The workspace that the command works in, as every command finds it.
    static func here() -> WorkspaceFolder? {
        let named = ProcessInfo.processInfo.environment["LOCKSTEP_WORKSPACE"].map(absolute)
        return WorkspaceFolder.nearest(to: named ?? FileManager.default.currentDirectoryPath)
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}
