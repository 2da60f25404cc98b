package import Core

/// Profiles of recordings, each under its recording's digest.
///
/// Uniting sets is associative, commutative and idempotent, so work that is done again after a failure, in whatever
/// order, never counts anything twice.
package struct ProfileSet: Sendable {
    package private(set) var profiles: [Digest: Profile] = [:]

    package init() {}

    /// Adds the profile of one recording; one that is there already stays.
    package mutating func add(_ profile: Profile, of shard: Digest) {
        guard profiles[shard] == nil else { return }
        var profile = profile
        profile.shards = [shard]
        profiles[shard] = profile
    }

    package func union(_ other: ProfileSet) -> ProfileSet {
        var result = self
        result.profiles.merge(other.profiles) { mine, _ in mine }
        return result
    }

    /// All of them as one; nil where there are none.
    package func folded() throws(Profile.MergeError) -> Profile? {
        var result: Profile?
        for (_, profile) in profiles.sorted(by: { precedes($0.key.hex, $1.key.hex) }) {
            if result == nil { result = profile } else { try result?.merge(profile) }
        }
        return result
    }
}
