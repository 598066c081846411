/// What the detectors did. Running totals since the last reset; no part of the state snapshot.
package struct DetectorCounts: Equatable, Sendable {
  /// Rows of plausible time that detectors looked at.
  package var readings: Int64 = 0
  /// Readings that came when a bucket they belong to had been judged: once for each such bucket.
  package var lateForBuckets: Int64 = 0
  /// Verdicts of statistical detectors: one a series, detector and bucket.
  package var bucketsJudged: Int64 = 0
  /// Buckets that were judged before the watermark passed them, because their device had more open
  /// than `BucketBlock.openCountMax`.
  package var bucketsClosedEarly: Int64 = 0
  /// Devices found silent: one a device and detector.
  package var silentDevices: Int64 = 0
  package var opened: Int64 = 0
  package var escalated: Int64 = 0
  package var closed: Int64 = 0
  /// Openings that the cap refused: a violation of limits once while it and the cap's
  /// anomaly last, a statistical detector each time it asks, a summary of silent devices as many
  /// times as it has devices.
  package var refused: Int64 = 0

  package init() {}

  package static func += (left: inout DetectorCounts, right: DetectorCounts) {
    left.readings += right.readings
    left.lateForBuckets += right.lateForBuckets
    left.bucketsJudged += right.bucketsJudged
    left.bucketsClosedEarly += right.bucketsClosedEarly
    left.silentDevices += right.silentDevices
    left.opened += right.opened
    left.escalated += right.escalated
    left.closed += right.closed
    left.refused += right.refused
  }
}

/// How many anomalies of one detector and severity are open in a partition; at least one.
package struct OpenAnomalyCount: Equatable, Sendable {
  /// The detector's name.
  package let detector: String
  package let severity: AnomalyEvent.Severity
  /// The anomaly that says the cap is reached is among them.
  package let count: Int

  package init(detector: String, severity: AnomalyEvent.Severity, count: Int) {
    self.detector = detector
    self.severity = severity
    self.count = count
  }
}
