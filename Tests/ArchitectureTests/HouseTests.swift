import Foundation
import Testing

/// Which own targets and which outside modules each target may import.
///
/// An import that is not here is a decision: change the table and say why in the commit.
private let house: [String: (own: Set<String>, outside: Set<String>)] = [
    "Core": ([], ["Crypto", "Glibc"]),
    "Documents": (["Core"], ["CYAML"]),
    "Expressions": (["Core"], []),
    "Wire": (["Core"], []),
    "Inspection": (["Core"], []),
    "Traffic": (["Core"], []),
    "Policies": (["Core", "Documents", "Expressions", "Traffic"], []),
    "Behaviour": (["Core", "Documents", "Expressions", "Traffic", "Inspection", "Policies"], ["Glibc"]),
    "Identity": (["Core"], ["Crypto", "CryptoExtras", "Glibc"]),
    "Audit": (["Core", "Identity"], ["Crypto", "Glibc"]),
    "Playbooks": (["Core", "Documents", "Expressions"], []),
    "Ledger": (["Core"], ["GRDB", "GRDBSQLite", "Glibc"]),
    "Workspace": (["Core", "Documents", "Identity", "Audit", "Ledger"], ["CLinux", "Glibc"]),
    "Survey": (
        ["Core", "Documents", "Wire", "Inspection"],
        ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "Subprocess", "SystemPackage", "Glibc"]
    ),
    "Gateway": (
        ["Core", "Wire", "Traffic", "Inspection", "Identity", "Policies"],
        ["NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "Glibc"]
    ),
    "Engine": (["Core", "Playbooks", "Ledger", "Expressions", "Identity"], ["Glibc"]),
    "Reporting": (["Core"], ["Mustache"]),
    "Actions": (
        [
            "Core", "Documents", "Expressions", "Playbooks", "Ledger", "Workspace", "Survey", "Reporting", "Inspection",
            "Identity", "Wire", "Traffic", "Policies", "Behaviour", "Gateway", "Audit",
        ], ["CLinux", "Glibc", "NIOCore", "NIOPosix", "NIOSSL", "Subprocess", "SystemPackage"]
    ),
    "CLI": (
        [
            "Core", "Documents", "Expressions", "Wire", "Inspection", "Identity", "Audit", "Playbooks", "Ledger",
            "Workspace", "Survey", "Engine", "Actions", "Reporting", "Traffic", "Policies", "Behaviour", "Gateway",
        ], ["ArgumentParser", "ServiceLifecycle", "UnixSignals", "Logging", "Glibc"]
    ),
    "Lab": (
        ["Core", "Wire"],
        ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "X509", "SwiftASN1", "Crypto", "Glibc"]
    ),
]

/// Modules of the toolchain that any target may use.
private let everywhere: Set<String> = ["FoundationEssentials", "Synchronization", "Swift"]

/// The only file that may import all of Foundation.
private let calendarFile = "Core/Time/Zones.swift"

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private struct SourceFile {
    var target: String
    var path: String
    var text: String

    var imports: [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "import"), index + 1 < words.count else { return nil }
            let before = words[..<index].allSatisfy {
                ["package", "internal", "private", "fileprivate"].contains($0) || $0.hasPrefix("@")
            }
            guard before, !line.hasPrefix(" ") else { return nil }
            // `import struct Module.Name` names the module behind the kind.
            let kinds: Set = ["struct", "class", "enum", "protocol", "func", "typealias", "let", "var"]
            let name = kinds.contains(words[index + 1]) && index + 2 < words.count ? words[index + 2] : words[index + 1]
            return String(name.prefix { $0 != "." })
        }
    }
}

private func sources() throws -> [SourceFile] {
    let folder = root.appending(path: "Sources")
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    return try names.filter { $0.hasSuffix(".swift") }.sorted().map { path in
        SourceFile(
            target: String(path.prefix { $0 != "/" }),
            path: path,
            text: try String(contentsOf: folder.appending(path: path), encoding: .utf8)
        )
    }
}

@Suite struct HouseTests {
    @Test func importsFollowTheTable() throws {
        for file in try sources() {
            let allowed = try #require(house[file.target], "\(file.target) is not in the table")
            for name in file.imports where !everywhere.contains(name) && name != file.target {
                if name == "Foundation" {
                    #expect(file.path == calendarFile, "\(file.path) imports all of Foundation")
                } else {
                    #expect(
                        allowed.own.contains(name) || allowed.outside.contains(name),
                        "\(file.path) imports \(name)"
                    )
                }
            }
        }
    }

    @Test func theTableHasNoCycle() {
        var settled: Set<String> = []
        while settled.count < house.count {
            let next = house.filter { !settled.contains($0.key) && $0.value.own.isSubset(of: settled) }.map(\.key)
            guard !next.isEmpty else {
                Issue.record("a cycle among \(Set(house.keys).subtracting(settled).sorted())")
                return
            }
            settled.formUnion(next)
        }
    }

    @Test func nothingIsPublic() throws {
        for file in try sources() {
            let lines = file.text.split(separator: "\n")
            let found = lines.filter { line in
                let words = line.split(separator: " ")
                // `open` is also a plain name, as of a member that is assigned.
                let declares = words.contains { ["class", "func", "var", "init"].contains($0) }
                return words.first == "public" || words.first == "open" && declares
            }
            #expect(found.isEmpty, "\(file.path): \(found.first ?? "")")
        }
    }

    @Test func onlyTheLedgerSpeaksSQLAndOnlyDocumentsParsesYAML() throws {
        for file in try sources() {
            if file.target != "Ledger" { #expect(!file.imports.contains("GRDB"), "\(file.path)") }
            if file.target != "Documents" { #expect(!file.imports.contains("CYAML"), "\(file.path)") }
        }
    }

    @Test func everyTargetOfTheTableExists() throws {
        let present = Set(try sources().map(\.target))
        #expect(present == Set(house.keys))
    }

    @Test func importsOfAFileAreFound() {
        let file = SourceFile(
            target: "X",
            path: "x",
            text: "package import Core\nimport struct NIOCore.ByteBuffer\n  import No\n@preconcurrency import A\n"
        )
        #expect(file.imports == ["Core", "NIOCore", "A"])
    }
}
