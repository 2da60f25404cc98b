import Core
import FoundationEssentials
import Gateway
import Synchronization

/// The bundle that the gateway of this folder took last, for a wrapped program beside it.
///
/// A program fetches nothing and writes nothing down: it goes by the sealed file of the gateway that listens, verifies it as that
/// one does, and ends it when its time is over, also where the gateway runs no more.
final class FollowedBundle: Sendable {
    private struct Held {
        var keeper: BundleKeeper
        var stamp: BundleSource.Stamp?
    }

    private let path: String
    private let held: Mutex<Held>
    private let make: @Sendable () throws -> BundleKeeper?

    /// Nothing where the document has no bundles.
    init?(
        of files: GatewayFiles,
        in folder: GatewayFolder,
        _ clock: @escaping @Sendable () -> Timestamp
    ) throws {
        path = folder.root + "/control/bundle"
        make = { try files.bundles(in: folder, areAnothers: true, clock) }
        let stamp = Self.stamp(path)
        guard let keeper = try make() else { return nil }
        held = Mutex(Held(keeper: keeper, stamp: stamp))
    }

    var inForce: BundleKeeper.InForce { held.withLock(\.keeper).inForce }

    /// Whether something else is in force than before; one that cannot be read changes nothing.
    func isRenewed() -> Bool {
        let stamp = Self.stamp(path)
        guard held.withLock({ $0.stamp != stamp }) else { return held.withLock(\.keeper).expire() }
        guard let keeper = (try? make()) ?? nil else { return held.withLock(\.keeper).expire() }
        held.withLock { $0 = Held(keeper: keeper, stamp: stamp) }
        return true
    }

    private static func stamp(_ path: String) -> BundleSource.Stamp? {
        guard let all = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
        return BundleSource.Stamp(
            size: (all[.size] as? UInt64) ?? 0,
            changed: (all[.modificationDate] as? Date)?.timeIntervalSinceReferenceDate ?? 0
        )
    }
}
