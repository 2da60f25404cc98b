import Ledger

extension LedgerError {
    /// What a person can do about it.
    var suggestion: String? {
        switch code {
        case .corrupt, .notALedger, .sealMissing, .sealUnknownKey, .sealBroken:
            "bring the last good state back with `lockstep restore FILE`"
        case .busy, .leased: "try again when the other process is done; `lockstep status` shows the runs"
        case .readOnly: "check who owns `.lockstep` and whether its disk can be written"
        case .full: "free some space on that disk, then run the same command again; nothing was lost"
        case .olderSchema: "run `lockstep doctor` once, which brings it up to date"
        case .foreignSchema: "use a backup that you made yourself, of a workspace that `lockstep doctor` finds whole"
        case .newerSchema: "use the version of lockstep that wrote it, or a newer one"
        case .lost: "bring it back with `lockstep restore FILE`"
        case .missing: nil
        case .conflict, .duplicate, .io: nil
        }
    }
}
