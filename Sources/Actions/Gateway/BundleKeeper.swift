import Core
import Gateway
import Identity
import Policies
import Synchronization

/// Takes bundles from a source, one after another, and knows which one a gateway enforces.
///
/// What it takes it has written down before, so that a restart begins where this ended. Whatever is refused changes
/// nothing: the last good bundle stays until its own time is over, and then the document says what holds.
final class BundleKeeper: Sendable {
    /// A bundle ready to be decided by.
    struct Active {
        let signed: SignedBundle
        let told: PolicyDelivery.Bundle
        let compiled: CompiledPolicy
        let policy: Digest
        /// Ends it also where the wall clock was put back.
        let deadline: ContinuousClock.Instant
    }

    /// What is in force: without a policy everything is denied, but in record mode.
    struct InForce {
        let policy: GatewayFiles.LoadedPolicy?
        let mode: GatewayConfiguration.Mode
    }

    private struct State {
        var tip: PolicyBundle.Tip?
        var active: Active?
        var isOver = false
        /// What was looked at before, so that it need not be read and told again.
        var judged: [Int64: Judged] = [:]
        /// Why the source itself could not be read.
        var outage: String?
    }

    private struct Judged: Hashable {
        let stamp: BundleSource.Stamp?
        let tip: PolicyBundle.Tip?
        let code: PolicyBundle.Fault.Code?
    }

    let terms: GatewayDocument.Bundles
    private let source: BundleSource
    private let trust: BundleTrust
    private let place: PolicyBundle.Place
    private let file: BundleFile
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>
    private let standing: Mutex<PolicyDelivery.Standing>
    private let clock = ContinuousClock()

    /// - Throws: `BundleFile.Unreadable`, as a gateway that does not know what it enforced may enforce something older.
    init(
        _ terms: GatewayDocument.Bundles,
        source: BundleSource,
        trust: BundleTrust,
        place: PolicyBundle.Place,
        file: BundleFile,
        now: @escaping @Sendable () -> Timestamp
    ) throws(BundleFile.Unreadable) {
        (self.terms, self.source, self.trust, self.place) = (terms, source, trust, place)
        (self.file, self.now) = (file, now)
        let saved = try file.load()
        var state = State()
        state.tip = saved.tip
        // Believed, or for this gateway, no more: then nothing is in force, and nothing older will be.
        state.active = saved.active.flatMap { bytes in
            (try? SignedBundle(parsing: bytes, trust: trust)).flatMap { signed in
                try? Self.ready(signed, at: place, now: now(), instant: ContinuousClock().now)
            }
        }
        state.isOver = saved.isOver
        var told = PolicyDelivery.Standing(source: terms.from, whenNone: terms.whenNone.rawValue)
        told.bundle = state.active?.told
        told.isExpired = state.isOver
        self.state = Mutex(state)
        standing = Mutex(told)
        _ = expire()
    }

    private static func ready(
        _ signed: SignedBundle,
        at place: PolicyBundle.Place,
        now: Timestamp,
        instant: ContinuousClock.Instant
    ) throws(PolicyBundle.Fault) -> Active {
        let (bundle, opened) = (signed.bundle, try signed.bundle.opened(at: place))
        return Active(
            signed: signed,
            told: PolicyDelivery.Bundle(
                revision: bundle.revision,
                digest: bundle.digest,
                issued: bundle.issued,
                expires: bundle.expires,
                mode: GatewayConfiguration.Mode(rawValue: bundle.mode.rawValue) ?? .enforce,
                isApproved: opened.release != nil
            ),
            compiled: CompiledPolicy(opened.policy),
            policy: opened.digest,
            deadline: instant + max(.zero, bundle.expires - now)
        )
    }

    var inForce: InForce {
        state.withLock { state in
            guard let active = state.active, !state.isOver || terms.whenNone == .lastGood else {
                return InForce(policy: nil, mode: terms.whenNone == .record ? .record : .enforce)
            }
            return InForce(
                policy: GatewayFiles.LoadedPolicy(compiled: active.compiled, digest: active.policy),
                mode: active.told.mode
            )
        }
    }

    var told: PolicyDelivery.Standing { standing.withLock { $0 } }

    /// Ends the bundle in force where its time is over.
    ///
    /// - Returns: Whether that was now.
    func expire() -> Bool {
        let isOver = state.withLock { state -> Bool in
            guard let active = state.active, !state.isOver,
                active.signed.bundle.isExpired(at: now()) || clock.now >= active.deadline
            else { return false }
            state.isOver = true
            // Where it cannot be written, the clock alone tells after a restart.
            _ = file.save(BundleFile.State(tip: state.tip, active: active.signed.bytes, isOver: true))
            return true
        }
        if isOver { standing.withLock { $0.isExpired = true } }
        return isOver
    }

    /// Reads the source and takes what is good in it.
    ///
    /// - Returns: Whether something else is in force now.
    func look(_ shared: Shared) async -> Bool {
        let (tip, judged) = state.withLock { ($0.tip, $0.judged) }
        let revisions: [Int64]
        do throws(PolicyBundle.Fault) {
            revisions = try await source.revisions(after: tip?.revision)
            guard !revisions.isEmpty else { throw PolicyBundle.Fault(.unreadable, "the source holds no bundle") }
        } catch {
            let isNew = state.withLock { state in
                defer { state.outage = error.message }
                return state.outage != error.message
            }
            if isNew { refuse(terms.from, error, shared) }
            return false
        }
        state.withLock { $0.outage = nil }
        standing.withLock { $0.seen = now() }
        var chain = Chain(tip: tip)
        for revision in revisions {
            let (stamp, before) = (source.stamp(revision), judged[revision])
            if let before, before.stamp == stamp, before.tip == chain.tip {
                guard let code = before.code, code.mayPass || stamp == nil else { continue }
            }
            var code: PolicyBundle.Fault.Code?
            do throws(PolicyBundle.Fault) {
                guard let bytes = try await source.read(revision) else { continue }
                try add(SignedBundle(parsing: bytes, trust: trust), as: revision, to: &chain)
            } catch {
                code = error.code
                // Told once, however often it is looked at.
                if before != Judged(stamp: stamp, tip: chain.tip, code: code) {
                    refuse(BundleDirectory.name(revision), error, shared)
                }
            }
            let judgement = Judged(stamp: stamp, tip: chain.tip, code: code)
            state.withLock { $0.judged[revision] = judgement }
            // Who does not answer now is not asked for the rest.
            if code == .unreadable, terms.isWeb { break }
        }
        state.withLock { $0.judged = $0.judged.filter { revisions.contains($0.key) } }
        return take(chain, shared)
    }

    /// What one look found, in the order of the chain.
    private struct Chain {
        var tip: PolicyBundle.Tip?
        var bundles: [SignedBundle] = []
    }

    private func add(_ signed: SignedBundle, as revision: Int64, to chain: inout Chain) throws(PolicyBundle.Fault) {
        let bundle = signed.bundle
        let isKnown = try bundle.follows(chain.tip, now: now())
        guard bundle.revision == revision else {
            throw PolicyBundle.Fault(
                .malformed,
                "`\(BundleDirectory.name(revision))` holds the bundle \(bundle.revision)"
            )
        }
        let active = state.withLock { $0.active?.told }
        guard !isKnown || active?.digest != bundle.digest else { return }
        chain.tip = bundle.tip
        chain.bundles.append(signed)
    }

    /// Puts the last of these bundles in force that can be, once it is written down.
    private func take(_ chain: Chain, _ shared: Shared) -> Bool {
        guard !chain.bundles.isEmpty else { return false }
        var found: Active?
        var refused: [(SignedBundle, PolicyBundle.Fault)] = []
        for signed in chain.bundles.reversed() {
            do throws(PolicyBundle.Fault) {
                guard !signed.bundle.isExpired(at: now()) else {
                    throw PolicyBundle.Fault(
                        .expired,
                        "the bundle \(signed.bundle.revision) expired on \(signed.bundle.expires)"
                    )
                }
                found = try Self.ready(signed, at: place, now: now(), instant: clock.now)
                break
            } catch { refused.append((signed, error)) }
        }
        let isKept = state.withLock { state in
            let isOver = found == nil && state.isOver
            let bytes = (found ?? state.active)?.signed.bytes
            guard file.save(BundleFile.State(tip: chain.tip, active: bytes, isOver: isOver)) else {
                // It is looked at again, as if it had not been seen.
                state.judged = [:]
                return false
            }
            state.tip = chain.tip
            state.isOver = isOver
            if let found { state.active = found }
            return true
        }
        guard isKept else {
            let fault = PolicyBundle.Fault(.unwritten, "the bundle cannot be written down, so it is not taken")
            refuse(BundleDirectory.name(chain.tip?.revision ?? 0), fault, shared)
            return false
        }
        if let found {
            standing.withLock { standing in
                (standing.bundle, standing.isExpired, standing.lastRefusal) = (found.told, false, nil)
            }
        }
        for (signed, fault) in refused.reversed() {
            refuse(BundleDirectory.name(signed.bundle.revision), fault, shared)
        }
        if let found { note(found, shared) }
        return found != nil
    }

    /// Writes into the audit log that the time of the bundle in force is over.
    func noteExpiry(_ shared: Shared) {
        guard let bundle = told.bundle else { return }
        shared.note(
            "gateway.bundle-expired",
            [
                "revision": .integer(bundle.revision), "digest": .string(bundle.digest.description),
                "expires": .string(bundle.expires.description), "when-none": .string(terms.whenNone.rawValue),
            ],
            gateway: place.gateway
        )
    }

    private func note(_ active: Active, _ shared: Shared) {
        let bundle = active.signed.bundle
        shared.note(
            "gateway.bundle",
            [
                "revision": .integer(bundle.revision), "digest": .string(active.told.digest.description),
                "policy": .string(active.policy.description), "mode": .string(bundle.mode.rawValue),
                "expires": .string(bundle.expires.description), "approved": .bool(active.told.isApproved),
                "gap": bundle.gap.map(JSON.Value.string) ?? .null,
            ],
            gateway: place.gateway
        )
    }

    private func refuse(_ name: String, _ fault: PolicyBundle.Fault, _ shared: Shared) {
        let at = now()
        standing.withLock {
            $0.lastRefusal = PolicyDelivery.Refusal(
                name: name,
                code: fault.code.rawValue,
                message: fault.message,
                at: at
            )
        }
        shared.counters.count(.refusedBundles)
        shared.note(
            "gateway.bundle-refused",
            ["name": .string(name), "code": .string(fault.code.rawValue), "message": .string(fault.message)],
            gateway: place.gateway
        )
    }
}

extension PolicyBundle.Fault.Code {
    /// Whether it may be good at another time, as it is.
    fileprivate var mayPass: Bool { self == .notYet || self == .unreadable }
}
