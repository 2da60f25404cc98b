package import Core

extension PolicyBundle {
    /// How far in the future a bundle may be issued, since clocks differ a little.
    package static let tolerance: Duration = .seconds(300)

    /// A gateway as bundles know it.
    package struct Place: Sendable, Hashable {
        package let gateway: String
        package let labels: Set<String>
        /// Only there a rehearsal is taken.
        package let isLoopback: Bool

        package init(gateway: String, labels: Set<String> = [], isLoopback: Bool) {
            self.gateway = gateway
            self.labels = labels
            self.isLoopback = isLoopback
        }
    }

    /// Checks that a bundle comes after what is known.
    ///
    /// Where nothing is known any bundle may come first. Whether it has expired, and whom it is for, does not matter to the
    /// chain.
    ///
    /// - Returns: Whether it is the very one that is known already.
    /// - Throws: `notYet`, `rollback`, `fork` or `predecessor`.
    package func follows(_ tip: Tip?, now: Timestamp) throws(Fault) -> Bool {
        guard issued <= now + Self.tolerance else {
            throw Fault(.notYet, "the bundle \(revision) is issued on \(issued), which is yet to come")
        }
        guard let tip else { return false }
        guard revision >= tip.revision else {
            throw Fault(.rollback, "the bundle \(revision) is older than \(tip.revision), which is known")
        }
        if revision == tip.revision {
            guard digest == tip.digest else {
                throw Fault(.fork, "there are two bundles with the revision \(revision)")
            }
            return true
        }
        guard gap != nil || predecessor == tip.digest else {
            throw Fault(
                .predecessor,
                "the bundle \(revision) does not follow the bundle \(tip.revision), which is known",
                help: "bring the bundles between them, or make a new one with `--gap REASON`"
            )
        }
        return false
    }

    /// Without tolerance: what has expired by this clock is expired.
    package func isExpired(at now: Timestamp) -> Bool { expires <= now }

    /// What is inside, checked.
    package struct Opened: Sendable {
        package let policy: Policy
        /// Of the policy's bytes.
        package let digest: Digest
        package let release: Release?
    }

    /// Opens what is inside, for one gateway or, with nil, for nobody in particular.
    ///
    /// - Throws: `notSelected`; `policy` where the policy or the release is wrong; `notApproved` where the mode is more than
    ///   was approved; `rehearsal`.
    package func opened(at place: Place?) throws(Fault) -> Opened {
        if let place, !selector.selects(place.gateway, labels: place.labels) {
            throw Fault(.notSelected, "the bundle \(revision) is for other gateways")
        }
        let document: [UInt8]
        var approved: Release?
        switch content {
        case .policy(let text): document = Array(text.utf8)
        case .release(let text):
            let release: Release
            do throws(Release.Fault) {
                release = try Release(parsing: Array(text.utf8))
            } catch {
                throw Fault(.policy, "the release in the bundle \(revision) does not hold: \(error.message)")
            }
            guard mode != .enforce || release.terms.mode == .enforce else {
                throw Fault(
                    .notApproved,
                    "the release in the bundle \(revision) is approved for shadow only",
                    help: "have it approved with `mode: enforce`"
                )
            }
            guard place?.isLoopback ?? true || !release.isRehearsal else {
                throw Fault(.rehearsal, "the release in the bundle \(revision) is a rehearsal")
            }
            (document, approved) = (Array(release.document.utf8), release)
        }
        guard let policy = PolicyReader.read(document, file: "policy").policy else {
            throw Fault(.policy, "the policy in the bundle \(revision) is invalid")
        }
        return Opened(policy: policy, digest: .sha256(document), release: approved)
    }
}
