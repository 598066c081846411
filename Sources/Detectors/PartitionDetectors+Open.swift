import Base
package import Telemetry

// What is open, in words: from the state, so that it is right after a restart.
extension PartitionDetectors {
  /// Where an open anomaly is kept.
  private enum Place {
    case slot(device: Int, index: Int)
    case summary(watch: Int, number: Int)
    case cap
  }

  /// An open anomaly while the worst are looked for.
  private struct Candidate {
    let severity: AnomalyEvent.Severity
    let openedAt: Int64
    let id: UInt64
    let definition: Int
    let place: Place

    /// The worst first, then the newest.
    static func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
      if left.severity != right.severity { return left.severity > right.severity }
      if left.openedAt != right.openedAt { return left.openedAt > right.openedAt }
      return left.id < right.id
    }
  }

  /// The open anomalies, the worst first, then the newest, at most `countMax`.
  ///
  /// Cost: a look at every device where anything is open, and a microsecond or two for each that is
  /// returned; so ask when `stepCount` has moved.
  package func openAnomalies(
    countMax: Int, vocabulary: borrowing Vocabulary
  ) -> [OpenAnomaly] {
    if states.allSatisfy({ $0.openCount == 0 && $0.cap == nil }) { return [] }
    var found: [Candidate] = []
    func keepWorst() {
      found.sort(by: Candidate.precedes)
      found.removeLast(max(0, found.count - countMax))
    }
    for device in slots.indices where !slots[device].slots.isEmpty {
      for (index, slot) in slots[device].slots.enumerated() {
        guard let severity = slot.severity else { continue }
        found.append(
          Candidate(
            severity: severity, openedAt: slot.openedAt, id: slot.id,
            definition: Int(slot.key.definition), place: .slot(device: device, index: index)))
      }
      if found.count >= 2 * countMax + 64 { keepWorst() }
    }
    for (index, watch) in watches.enumerated() {
      for (number, summary) in watch.summaries.enumerated() {
        guard let summary, summary.phase == .open else { continue }
        found.append(
          Candidate(
            severity: .warning, openedAt: summary.firstDue, id: summary.id,
            definition: watch.definition, place: .summary(watch: index, number: number)))
      }
    }
    for (definition, state) in states.enumerated() {
      guard let cap = state.cap else { continue }
      found.append(
        Candidate(
          severity: .warning, openedAt: cap.eventTime, id: cap.id, definition: definition,
          place: .cap))
    }
    keepWorst()
    return found.map { anomaly($0, vocabulary) }
  }

  private func anomaly(
    _ candidate: Candidate, _ vocabulary: borrowing Vocabulary
  ) -> OpenAnomaly {
    let definition = set.definitions[candidate.definition]
    var anomaly = OpenAnomaly(
      id: RandomID.hex(candidate.id), device: "", metric: nil, detector: definition.name,
      rule: definition.rule.name, severity: candidate.severity, openedAt: candidate.openedAt,
      value: nil, expected: nil, evidence: "{}")
    switch candidate.place {
    case .slot(let device, let index):
      let slot = slots[device][index]
      anomaly.device = String(
        decoding: deviceWord(UInt32(device), vocabulary), as: UTF8.self)
      if slot.key.metric != WordTable.none {
        anomaly.metric = String(
          decoding: metricWord(slot.key.metric, vocabulary), as: UTF8.self)
      }
      anomaly.value = slot.told.value
      anomaly.expected = slot.told.expected
      anomaly.evidence = JSONValue.object(evidence(slot, definition)).text
    case .summary(let watch, let number):
      guard let summary = watches[watch].summaries[number] else { break }
      anomaly.value = Double(summary.deviceCount)
      let still = JSONMember("still_silent", .int(summary.silentCount))
      anomaly.evidence = JSONValue.object(Self.summaryEvidence(summary) + [still]).text
    case .cap:
      let state = states[candidate.definition]
      anomaly.value = Double(state.openCount)
      let refused = JSONMember("refused", .int(state.cap?.refusedCount ?? 0))
      anomaly.evidence = JSONValue.object(
        Self.capEvidence(openCount: state.openCount, openCountMax: definition.openCountMax)
          + [refused]
      ).text
    }
    return anomaly
  }

  private func evidence(_ slot: ActiveSlot, _ definition: DetectorDefinition) -> [JSONMember] {
    switch definition.rule {
    case .silence: return Self.silenceEvidence(slot)
    case .statistical: return Self.statisticalEvidence(definition, slot)
    case .limits(let rule):
      let plan = LimitsPlan(rule)
      let isHigh = plan.isHigh(slot.worst)
      let bound = plan.bound(slot.severity ?? .warning, isHigh: isHigh)
      var evidence = Self.limitEvidence(slot)
      evidence.insert(JSONMember("side", isHigh ? "high" : "low"), at: 1)
      evidence.insert(JSONMember("bound", .number(bound)), at: 2)
      return evidence
    }
  }
}

extension ActiveSlot {
  /// Of the anomaly.
  fileprivate var openedAt: Int64 { told.openedAt == EventTime.none ? since : told.openedAt }
}
