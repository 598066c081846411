/// What `SeriesJudge` says about one bucket.
package struct Judgement: Equatable, Sendable {
  /// What became of the series' anomaly.
  package enum Step: UInt8, Sendable {
    case none
    case opened
    /// From warning to critical.
    case escalated
    case closed
  }

  /// Why an anomaly closed.
  package enum Ending: UInt8, Sendable {
    /// The series has been as usual for some buckets.
    case usualAgain = 1
    /// It stayed away for so long that the new level is the usual one from here on.
    case newLevel
    /// The series was not heard for longer than its half-life.
    case gap
  }

  package var step: Step
  package var severity: AnomalyEvent.Severity
  /// What was judged: the bucket's value, the fast mean for `shift`.
  package var value: Double
  /// What would have been usual: the slow mean; for `jump` the value before plus the usual step.
  package var expected: Double
  /// −log10 of how often, by the series' own past, a bucket deviates at least this much.
  package var score: Double
  /// The score from which an anomaly opens.
  package var threshold: Double
  /// The usual size of a deviation, one standard deviation, in the metric's unit.
  package var spread: Double
  /// |value − expected| in units of `spread`.
  package var deviation: Double
  /// Buckets judged since the anomaly opened, this one included; 0 where none is open.
  package var bucketsSinceOpened: Int
  /// Set where `step` is `closed`.
  package var ending: Ending?

  /// How often a bucket deviates at least this much: 10 to the power of −`score`.
  package var probability: Double { JudgePlan.half(toThe: score * 3.321_928_094_887_362_3) }
}
