import Core
import Foundation

@testable import Survey

/// Files and small machinery that the tests of this target share.
enum Samples {
    static let cases = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases")
    static var homes: URL { cases.appending(path: "homes") }

    /// A stand-in for the keyed digest: tells equal values, shows none.
    static let digest: @Sendable (String) -> String = {
        "hmac-sha256:test:\(Digest.sha256(Array(("key" + $0).utf8)).hex)"
    }

    static func survey(_ home: String, user: String = "ana", limits: ConfigurationSurvey.Limits = .init())
        -> SurveyResult
    {
        ConfigurationSurvey(
            homes: [.init(path: home, user: user)],
            host: "test-host",
            limits: limits,
            digest: digest
        ).run()
    }

    /// A folder that is removed when the work is done.
    static func withFolder<R>(_ work: (URL) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "survey-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try work(folder)
    }

    static func write(_ text: String, _ path: String, in folder: URL) throws {
        let file = folder.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }
}
