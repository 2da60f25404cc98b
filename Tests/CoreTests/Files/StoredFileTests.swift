import Core
import Foundation
import Testing

/// A folder of its own for each test, gone when the test is over.
private final class Place {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/files-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.posixPermissions] as? Int
    }

    func setMode(_ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

@Suite struct StoredFileTests {
    @Test(arguments: [0o600, 0o644, 0o400] as [UInt32])
    func replacesAFileWholeWithItsMode(_ mode: UInt32) throws {
        let place = try Place()
        let file = "\(place.path)/a"
        try Data(repeating: 7, count: 200_000).write(to: URL(filePath: file))
        try StoredFile.write(Array("short".utf8), to: file, mode: mode)
        #expect(try StoredFile.read(file, limit: 5) == Array("short".utf8))
        #expect(try place.mode("a") == Int(mode))
        #expect(place.names == ["a"])
    }

    @Test func writesManyAtOnceToOneName() async throws {
        let place = try Place()
        let file = "\(place.path)/a"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for letter in UInt8(ascii: "a")...UInt8(ascii: "p") {
                group.addTask { try StoredFile.write([UInt8](repeating: letter, count: 10_000), to: file) }
            }
            try await group.waitForAll()
        }
        let bytes = try StoredFile.read(file, limit: 10_000)
        #expect(Set(bytes).count == 1 && bytes.count == 10_000)
        #expect(place.names == ["a"])
    }

    @Test func leavesTheOldFileWhereTheNewOneCannotBe() throws {
        let place = try Place()
        #expect(throws: FileFault.missing) { try StoredFile.write([1], to: "\(place.path)/none/a") }
        #expect(throws: FileFault.notAFile) { try StoredFile.write([1], to: "\(place.path)/") }
        try FileManager.default.createDirectory(atPath: "\(place.path)/folder", withIntermediateDirectories: false)
        #expect(throws: FileFault.notAFile) { try StoredFile.write([1], to: "\(place.path)/folder") }
        #expect(place.names == ["folder"])
    }

    @Test func neverReplacesAPipe() throws {
        let place = try Place()
        let made = unsafe mkfifo("\(place.path)/pipe", 0o600)
        #expect(made == 0)
        #expect(throws: FileFault.notAFile) { try StoredFile.write([1], to: "\(place.path)/pipe") }
        #expect(throws: FileFault.notAFile) { try StoredFile.read("\(place.path)/pipe", limit: 9, kind: .plain) }
        #expect(place.names == ["pipe"])
    }

    @Test func refusesWhatIsTooLargeOrExposedOrALink() throws {
        let place = try Place()
        let file = "\(place.path)/a"
        try StoredFile.write([1, 2, 3], to: file, mode: 0o640)
        #expect(throws: FileFault.tooLarge) { try StoredFile.read(file, limit: 2) }
        #expect(throws: FileFault.exposed(mode: 0o100640)) { try StoredFile.read(file, limit: 9, kind: .secret) }
        try FileManager.default.createSymbolicLink(atPath: "\(place.path)/link", withDestinationPath: file)
        #expect(try StoredFile.read("\(place.path)/link", limit: 3) == [1, 2, 3])
        #expect(throws: FileFault.notAFile) {
            try StoredFile.read("\(place.path)/link", limit: 9, mayFollowLink: false)
        }
        #expect(throws: FileFault.missing) { try StoredFile.read("\(place.path)/none", limit: 9) }
    }

    @Test func clearsAwayWhatACrashLeftUnderTheLock() throws {
        let place = try Place()
        try Data([9]).write(to: URL(filePath: "\(place.path)/.a.new"))
        try place.setMode(0o700)
        let folder = try HeldFolder(place.path, isPrivate: true, isLocked: true)
        // A value that cannot be copied cannot stand inside the macro.
        let before = folder.contains("a")
        try folder.write([1], to: "a")
        let after = folder.contains("a")
        #expect(!before && after && place.names == ["a"])
    }

    @Test func keepsTheModeOfAFolderThatIsThere() throws {
        let place = try Place()
        try place.setMode(0o755)
        #expect(throws: FileFault.exposed(mode: 0o40755)) {
            _ = try HeldFolder(place.path, mayCreate: true, isPrivate: true)
        }
        _ = try HeldFolder("\(place.path)/new", mayCreate: true, isPrivate: true)
        #expect(try place.mode("new") == 0o700)
        try StoredFile.makeFolder("\(place.path)/new", mode: 0o711)
        #expect(try place.mode("new") == 0o711)
    }

    @Test func aLinkIsReplacedAndNotFollowed() throws {
        let place = try Place()
        try StoredFile.write([1], to: "\(place.path)/target")
        try FileManager.default.createSymbolicLink(atPath: "\(place.path)/link", withDestinationPath: "target")
        try StoredFile.write([2], to: "\(place.path)/link")
        #expect(try StoredFile.read("\(place.path)/target", limit: 1) == [1])
        #expect(try StoredFile.read("\(place.path)/link", limit: 1, mayFollowLink: false) == [2])
    }
}
