import Audit
import Core
import Foundation
import Testing

/// The vectors of transparency-dev/merkle `testdata/` (commit 417fb0c, Apache-2.0), unpacked from the shared folder.
private struct Vectors {
    /// The shared folder, where it has the vectors.
    static let archive: String? = {
        let shared = ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"] ?? "../shared"
        let path = shared + "/conformance/merkle/testdata.tar.xz"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "merkle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(filePath: "/usr/bin/env")
        tar.arguments = ["tar", "xf", try #require(Self.archive), "-C", folder.path]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
    }

    func files(_ kind: String) throws -> [(name: String, value: JSON.Value)] {
        let base = folder.appending(path: "testdata/\(kind)")
        return try FileManager.default.subpathsOfDirectory(atPath: base.path).sorted()
            .filter { $0.hasSuffix(".json") }
            .map { ($0, try JSON.parse(Array(try Data(contentsOf: base.appending(path: $0))))) }
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// A number that the vectors write; one beyond `Int` is no size that a log can have.
private func number(_ value: JSON.Value?) -> Int { value?.int.map(Int.init) ?? -1 }

private func hash(_ value: JSON.Value?) -> TreeHash? {
    value?.string.flatMap { Base64.decode($0.utf8) }.flatMap { TreeHash($0) }
}

/// A root; the vectors have words of some length where only equality matters, and equal words are equal hashes.
private func root(_ value: JSON.Value?) -> TreeHash? {
    value?.string.flatMap { Base64.decode($0.utf8) }.map { TreeHash($0) ?? .leaf($0) }
}

/// The hashes of a proof; nothing where one of them is none.
private func path(_ value: JSON.Value?) -> [TreeHash]? {
    let list = value?.array ?? []
    let hashes = list.compactMap(hash)
    return hashes.count == list.count ? hashes : nil
}

@Suite(.enabled(if: Vectors.archive != nil, "skipped: LOCKSTEP_SHARED has no conformance/merkle"))
struct ConformanceTests {
    @Test func inclusionVectors() throws {
        let vectors = try Vectors()
        defer { vectors.remove() }
        let files = try vectors.files("inclusion")
        #expect(files.count >= 98)
        for (name, value) in files {
            var holds = false
            if let leaf = hash(value["leafHash"]), let root = hash(value["root"]), let path = path(value["proof"]) {
                holds = MerkleProof.includes(
                    leaf: leaf,
                    index: number(value["leafIdx"]),
                    size: number(value["treeSize"]),
                    path: path,
                    root: root
                )
            }
            #expect(holds == (value["wantErr"]?.bool == false), "\(name)")
        }
    }

    @Test func consistencyVectors() throws {
        let vectors = try Vectors()
        defer { vectors.remove() }
        let files = try vectors.files("consistency")
        #expect(files.count >= 98)
        for (name, value) in files {
            var holds = false
            if let old = root(value["root1"]), let new = root(value["root2"]), let path = path(value["proof"]) {
                holds = MerkleProof.extends(
                    old: (number(value["size1"]), old),
                    new: (number(value["size2"]), new),
                    path: path
                )
            }
            #expect(holds == (value["wantErr"]?.bool == false), "\(name)")
        }
    }

    @Test func subtreeInclusionVectors() throws {
        let vectors = try Vectors()
        defer { vectors.remove() }
        let files = try vectors.files("subtreeinclusion")
        #expect(files.count >= 204)
        for (name, value) in files {
            let start = number(value["start"])
            let end = number(value["end"])
            var holds = false
            if start <= end, let leaf = hash(value["leafHash"]), let root = hash(value["root"]),
                let path = path(value["proof"])
            {
                holds = MerkleProof.includes(
                    leaf: leaf,
                    index: number(value["leafIdx"]),
                    subtree: start..<end,
                    path: path,
                    hash: root
                )
            }
            #expect(holds == (value["wantErr"]?.bool == false), "\(name)")
        }
    }

    @Test func subtreeConsistencyVectors() throws {
        let vectors = try Vectors()
        defer { vectors.remove() }
        let files = try vectors.files("subtreeconsistency")
        #expect(files.count >= 118)
        for (name, value) in files {
            let start = number(value["start"])
            let end = number(value["end"])
            var holds = false
            if start <= end, let subtree = root(value["root1"]),
                let root = root(value["root2"]), let path = path(value["proof"])
            {
                holds = MerkleProof.contains(
                    subtree: start..<end,
                    hash: subtree,
                    size: number(value["size"]),
                    root: root,
                    path: path
                )
            }
            #expect(holds == (value["wantErr"]?.bool == false), "\(name)")
        }
    }
}
