/// The thresholds of mining, each with its reason.
///
/// The defaults are those of a prototype that was measured on recordings of attacked agents; none is tuned to a name or
/// a format. Sessions are counted, never calls.
package struct MiningParameters: Sendable, Hashable {
    /// Sessions before a value becomes a constant: one session may be the attack.
    package var constantSessions = 2
    /// Sessions before an identity that only texts explain becomes one, each of which took it out of a source that shows it
    /// to most: injected instructions look like that, and however many sessions follow them say no more than one.
    package var textOnlySessions = 3
    /// Different identities of one domain before the domain is allowed; those that mostly texts explain do not count.
    package var domainIdentities = 3
    /// Sessions before values may come from a structured field.
    package var fieldSessions = 2
    /// Sessions before values may come from a tool's text, and the share of the argument's sessions it must have.
    package var textSessions = 3
    package var textShare = 0.2
    /// Above this share of left-out units that bring something new, composed text is left open.
    package var openRate = 0.1
    /// Sessions with dates before they need a name from the request or a field.
    package var dateSessions = 5
    /// Above this share of sessions that copy a phrase out of a text, composed phrases may stand in one.
    package var copyShare = 0.05
    /// Tasks or clients before they are left out one by one; sessions always are.
    package var leaveOutUnits = 4
    /// Different closed reads of an agent before reads that nobody made are allowed too.
    package var readsForUnseen = 3
    /// Tasks that do something before it is lent to the others.
    package var sharedTasks = 3
    /// Numbers and dates before a range, or any date, is allowed.
    package var formatCalls = 3
    /// Room for longer texts and lists than were seen, and the least that is seen as long.
    package var lengthFactor = 4
    package var shortestLength = 60
    package var shortestList = 5
    /// Sessions that look in a folder before a read is bound to such folders, and how many folders may be named.
    package var rootSessions = 3
    package var mostRoots = 8
    /// Room for more calls in a session than were seen, and the least that is allowed of a tool that changes something.
    package var callsFactor = 2
    package var fewestCalls = 5
    /// Hygiene: sessions that read a source before it can be called stable, the share of its commonest text, and the
    /// share of its readings that must show a value.
    package var sourceSessions = 4
    package var stableShare = 0.5
    /// Hygiene: sessions that use a value without having been shown it before it can no longer have been planted.
    package var unshownSessions = 5
    package var shownShare = 0.5
    /// Hygiene: the share of an agent's sessions, or the handful of them, that a planted text may reach.
    ///
    /// A tool that no more call is not learned where mostly sessions call it that are not learned from.
    package var suspectUse = 0.1
    package var handful = 5.0
    /// Sessions before the fields that were used are taken for all that name a party; as many as the bound on would-deny
    /// rates asks for when there is none.
    package var narrowSessions = 59
    /// Sessions that bear a relation between arguments out; none breaks it, and it binds only what names one of its cases.
    package var relationSessions = 19
    /// Sessions of one case where all are judged together, and where it is judged alone; the most cases, and values of one,
    /// and the most arguments that are compared.
    package var caseSessions = 3
    package var singleCaseSessions = 8
    package var mostCases = 16
    package var mostRelated = 16
    /// The would-deny rate, at worst, at which what no call went without is required; of what cannot be undone sooner.
    package var requiredRate = 0.1
    package var requiredRateOfDestruction = 0.25
    /// Sessions that send true or false before the other one is denied.
    package var truthSessions = 5
    /// Different values before two arguments are held to be equal, or values to share a folder.
    package var relatedValues = 3
    /// How likely a relation may be mere chance; hundreds of pairs and cases are tried.
    package var chance = 1e-6
    /// Below this many sessions a rule is marked as weakly supported.
    package var fewSessions = 3
    /// For bounds that are shown, and for sufficiency.
    package var confidence = 0.95
    package var coverageTarget = 0.95
    /// The would-deny rate that a gate usually asks for.
    package var wouldDenyTarget = 0.05

    package init() {}
}
