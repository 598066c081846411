extension PipelineStatus {
  /// One anomaly that is open now, as the state of its partition has it: after a restart, too.
  ///
  /// `device`, `metric` and what stands in `evidence` are names that records brought, and anybody
  /// may write a record: whoever shows them must escape them.
  package struct OpenAnomaly: Sendable, Equatable {
    /// As many are told of an instance, and of each of its partitions.
    package static let countMax = 200

    /// 16 hexadecimal digits, as in its rows.
    package var id: String
    package var source: String
    /// Empty where it is about many devices.
    package var device: String
    /// Nil where it is about the device.
    package var metric: String?
    package var detector: String
    /// `limits`, `silence`, `spike`, `jump` or `shift`.
    package var rule: String
    package var severity: String
    /// Event time of the row that opened it.
    package var openedAtMicros: Int64
    /// What was judged in its last step, and what it was held against.
    package var value: Double?
    package var expected: Double?
    /// A JSON object.
    package var evidence: String

    package init(
      id: String, source: String, device: String, metric: String?, detector: String, rule: String,
      severity: String, openedAtMicros: Int64, value: Double?, expected: Double?, evidence: String
    ) {
      self.id = id
      self.source = source
      self.device = device
      self.metric = metric
      self.detector = detector
      self.rule = rule
      self.severity = severity
      self.openedAtMicros = openedAtMicros
      self.value = value
      self.expected = expected
      self.evidence = evidence
    }

    /// Whether a device that sends nothing is what it is about.
    package var isSilence: Bool { rule == "silence" }

    /// The worst first, then the newest; the id makes the order one.
    static func precedes(_ left: OpenAnomaly, _ right: OpenAnomaly) -> Bool {
      if left.severity != right.severity { return left.severity == "critical" }
      if left.openedAtMicros != right.openedAtMicros {
        return left.openedAtMicros > right.openedAtMicros
      }
      return left.id < right.id
    }

    /// The first `countMax` of lists that are in order.
    static func worst(of lists: [[OpenAnomaly]]) -> [OpenAnomaly] {
      var worst: [OpenAnomaly] = []
      for list in lists where !list.isEmpty {
        worst.append(contentsOf: list)
        if lists.count == 1 { break }
        worst.sort(by: precedes)
        worst.removeLast(max(0, worst.count - countMax))
      }
      return worst
    }
  }
}
