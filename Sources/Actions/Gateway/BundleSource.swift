import Core
import FoundationEssentials
import Gateway
import Policies

/// Where a gateway looks for bundles: a directory, or the same directory behind a web server.
enum BundleSource: Sendable {
    case directory(String)
    case web(PublishedFiles)

    /// How many bundles before the last one are looked at where nothing is known yet, and how many more at once.
    static let most: Int64 = 64

    /// When a file was last changed, as far as that can be told without reading it.
    struct Stamp: Hashable {
        var size: UInt64 = 0
        var changed: Double = 0
    }

    /// The numbers of the bundles that are there, in order; from the known one on, where one is known.
    func revisions(after known: Int64?) async throws(PolicyBundle.Fault) -> [Int64] {
        switch self {
        case .directory(let path):
            let all = try BundleDirectory.revisions(in: path)
            guard let known else { return Array(all.suffix(Int(Self.most))) }
            // The last one is among them where it is older than the known one: then the source was put back.
            let rest = all.filter { $0 >= known }
            return rest.isEmpty ? Array(all.suffix(1)) : Array(rest.prefix(16 * Int(Self.most)))
        case .web(let files):
            let text: [UInt8]?
            do throws(PublishedFiles.Unreachable) {
                text = try await files.read("latest", limit: 64)
            } catch {
                throw PolicyBundle.Fault(.unreadable, error.message)
            }
            guard let text else { throw PolicyBundle.Fault(.unreadable, "the source has no file `latest`") }
            let digits = String(decoding: text.filter { $0 > 0x20 }, as: UTF8.self)
            guard let last = Int64(digits), (1...PolicyBundle.mostRevision).contains(last) else {
                throw PolicyBundle.Fault(.malformed, "the file `latest` of the source holds no number")
            }
            guard let known else { return Array(max(1, last - Self.most + 1)...last) }
            guard known < last else { return [last] }
            // The rest is for the next look; the last one may say that it needs none of them.
            let next = Array(known...min(last, known + Self.most))
            return next.last == last ? next : next + [last]
        }
    }

    /// Nothing where it is not there.
    func read(_ revision: Int64) async throws(PolicyBundle.Fault) -> [UInt8]? {
        switch self {
        case .directory(let path): return try BundleDirectory.read(revision, in: path)
        case .web(let files):
            do throws(PublishedFiles.Unreachable) {
                return try await files.read(
                    BundleDirectory.name(revision),
                    limit: BundleDirectory.mostBytes,
                    patience: .seconds(30)
                )
            } catch {
                throw PolicyBundle.Fault(.unreadable, error.message)
            }
        }
    }

    /// Nothing where it cannot be told.
    func stamp(_ revision: Int64) -> Stamp? {
        guard case .directory(let path) = self,
            let found = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(BundleDirectory.name(revision))")
        else { return nil }
        return Stamp(
            size: (found[.size] as? UInt64) ?? (found[.size] as? Int).map(UInt64.init) ?? 0,
            changed: (found[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        )
    }
}
