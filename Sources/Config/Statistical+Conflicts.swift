extension Configuration.Statistical {
  /// Two durations of a rule that do not go together.
  package struct Conflict: Hashable, Sendable {
    /// The key below the rule that the file should change: `fast_half_life`.
    package let key: String
    /// What is wrong: one sentence without a full stop.
    package let message: String
    package let suggestion: String
  }

  /// The same rule with what it leaves open taken from `defaults`, a rule of the same kind.
  package func filled(from defaults: Configuration.Statistical) -> Configuration.Statistical {
    Configuration.Statistical(
      kind: kind, everyMicros: everyMicros,
      halfLifeMicros: halfLifeMicros ?? defaults.halfLifeMicros,
      fastHalfLifeMicros: fastHalfLifeMicros ?? defaults.fastHalfLifeMicros,
      warmUpMicros: warmUpMicros ?? defaults.warmUpMicros,
      refractoryMicros: refractoryMicros ?? defaults.refractoryMicros,
      falseAlarmEveryMicros: falseAlarmEveryMicros ?? defaults.falseAlarmEveryMicros,
      changeMin: changeMin)
  }

  /// What does not go together. The loader asks it of what the file says; who knows the defaults
  /// asks again with them filled in, because a value may also conflict with a default.
  ///
  /// - Parameter written: The rule as the file has it, so that the fault names a key that is there
  ///   and says which value is a default.
  package func conflicts(
    asWritten written: Configuration.Statistical
  ) -> [Conflict] {
    let given = Set(written.durations.filter { $0.micros != nil }.map(\.key))
    func said(_ key: String, _ micros: Int64) -> String {
      "`\(key)`, \(DurationText.text(micros: micros))" + (given.contains(key) ? "" : " by default")
    }
    var conflicts: [Conflict] = []
    for (key, micros) in durations where Self.spansBuckets.contains(key) {
      guard let micros, micros < everyMicros else { continue }
      conflicts.append(
        Conflict(
          key: given.contains(key) ? key : "every",
          message: "\(said(key, micros)), is shorter than a bucket, `every`,"
            + " \(DurationText.text(micros: everyMicros))",
          suggestion: "make it longer, or `every` shorter"))
    }
    if let span = halfLifeMicros, span >= everyMicros,
      span / everyMicros < Allowed.bucketsPerHalfLifeMin
    {
      let (least, _) = everyMicros.multipliedReportingOverflow(by: Allowed.bucketsPerHalfLifeMin)
      conflicts.append(
        Conflict(
          key: given.contains("half_life") ? "half_life" : "every",
          message: "\(said("half_life", span)), is less than \(Allowed.bucketsPerHalfLifeMin)"
            + " buckets of \(DurationText.text(micros: everyMicros)): what is usual would never"
            + " be known well enough to judge",
          suggestion: "\(DurationText.text(micros: least)) or longer fits"))
    }
    if let fast = fastHalfLifeMicros, let slow = halfLifeMicros, fast >= slow {
      let isFastGiven = given.contains("fast_half_life")
      conflicts.append(
        Conflict(
          key: isFastGiven ? "fast_half_life" : "half_life",
          message: "\(said("fast_half_life", fast)), is not shorter than"
            + " \(said("half_life", slow)): both means would be alike",
          suggestion: given.contains("half_life") && isFastGiven
            ? "a tenth of `half_life` or less tells a shift soon"
            : "set both"))
    }
    if let span = falseAlarmEveryMicros, span / everyMicros < Allowed.bucketsPerFalseAlarmMin {
      let (least, _) = everyMicros.multipliedReportingOverflow(by: Allowed.bucketsPerFalseAlarmMin)
      conflicts.append(
        Conflict(
          key: given.contains("false_alarm_every") ? "false_alarm_every" : "every",
          message: "\(said("false_alarm_every", span)), is less than"
            + " \(Allowed.bucketsPerFalseAlarmMin) buckets of"
            + " \(DurationText.text(micros: everyMicros)): what comes more often is not unusual",
          suggestion: "\(DurationText.text(micros: least)) or longer fits"))
    }
    return conflicts
  }

  /// Durations below one bucket would mean nothing.
  private static let spansBuckets: Set<String> = ["half_life", "fast_half_life", "warm_up"]

  /// The durations by their keys, nil for what is left to the detector; in the order in which
  /// people read them.
  var durations: [(key: String, micros: Int64?)] {
    [
      ("every", everyMicros), ("half_life", halfLifeMicros),
      ("fast_half_life", fastHalfLifeMicros), ("warm_up", warmUpMicros),
      ("refractory", refractoryMicros), ("false_alarm_every", falseAlarmEveryMicros),
    ]
  }
}
