// For the logarithm and the exponential function, which the standard library has not.
import Glibc

/// How much of what there is to see has been seen, counted in sessions or tasks that show a value.
///
/// Calls of one session are no independent draws: counting calls is three to five times too sure about new work.
package struct IncidenceCoverage: Sendable, Equatable {
    /// Sampling units: sessions, or tasks.
    package var units: Int
    /// Different values seen.
    package var observed: Int
    /// Values seen in exactly one unit.
    package var once: Int
    /// Values seen in exactly two.
    package var twice: Int
    /// Over all values, the units that showed it.
    package var incidences: Int

    package init(units: Int, observed: Int, once: Int, twice: Int, incidences: Int) {
        self.units = units
        self.observed = observed
        self.once = once
        self.twice = twice
        self.incidences = incidences
    }

    package init(units: Int, counts: some Sequence<Int>) {
        self.init(units: units, observed: 0, once: 0, twice: 0, incidences: 0)
        for count in counts where count > 0 {
            observed += 1
            incidences += count
            if count == 1 { once += 1 }
            if count == 2 { twice += 1 }
        }
    }

    /// The part of the singletons' mass that stays unseen with one more unit (Chao and Jost, "Coverage-based
    /// rarefaction and extrapolation", 2012, equation 4a for incidences).
    private var decay: Double {
        let t = Double(units)
        let q1 = Double(once)
        let q2 = Double(twice)
        guard t > 1, q1 > 0 else { return 0 }
        // Without doubletons the bias-corrected form.
        return q2 > 0
            ? (t - 1) * q1 / ((t - 1) * q1 + 2 * q2) : (t - 1) * (q1 - 1) / ((t - 1) * (q1 - 1) + 2)
    }

    /// The share of the incidences of the next unit that are of values seen already.
    package var coverage: Double {
        guard incidences > 0, units > 0 else { return 0 }
        guard units > 1 else { return once == 0 ? 1 : 0 }
        return max(0, 1 - Double(once) / Double(incidences) * (once > 0 && decay == 0 ? 1 : decay))
    }

    /// A lower bound for how many different values there are (Chao, 1987).
    package var richness: Double {
        guard units > 0 else { return 0 }
        let factor = Double(units - 1) / Double(units)
        let q1 = Double(once)
        return twice > 0
            ? Double(observed) + factor * q1 * q1 / (2 * Double(twice))
            : Double(observed) + factor * q1 * (q1 - 1) / 2
    }

    /// About how many more units bring the coverage to the target; nil where that cannot be told.
    package func more(for target: Double) -> Int? {
        if coverage >= target { return 0 }
        guard incidences > 0, once > 0, decay > 0, decay < 1 else { return nil }
        let steps = log((1 - target) * Double(incidences) / Double(once)) / log(decay) - 1
        guard steps.isFinite, steps < 1e9 else { return nil }
        return max(1, Int(steps.rounded(.up)))
    }
}
