import Base
import Telemetry

// Limits on readings as they come, late ones included: what a satellite sends after a pass has to
// be judged, however old it is.
//
// In an event `expected` and `threshold` are the bound of the anomaly's severity, on the side on
// which it was violated, and `score` is how far `value` lies beyond it in the metric's unit, so
// negative for a value inside.
extension PartitionDetectors {
  /// Judges the row in `values` by all limits of its shape. Called where some value violates a
  /// limit, or something goes on already.
  mutating func judgeLimits(
    _ shape: SeriesShape, _ reading: Reading, _ state: inout DeviceState,
    _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    for limits in shape.limits {
      guard let plan = set.limits[limits.definition] else {
        preconditionFailure("`limits` of a shape names definitions of limits")
      }
      for place in limits.places {
        let value = values[place]
        if value.isNaN { continue }
        let metric = reading.narrowMetric ?? UInt32(shape.columns[place])
        judgeLimit(
          plan, ActiveSlot.Key(metric: metric, definition: UInt32(limits.definition)), value,
          reading, &state, vocabulary, &events)
      }
    }
  }

  private mutating func judgeLimit(
    _ plan: LimitsPlan, _ key: ActiveSlot.Key, _ value: Double, _ reading: Reading,
    _ state: inout DeviceState, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let device = Int(reading.place.device)
    let (index, exists) = slots[device].find(key)
    if !exists {
      if plan.violation(value) == nil { return }
      slots[device].insert(ActiveSlot(key: key), at: index)
      state.limitSlotCount += 1
    }
    let step = slots[device][index].observe(value, at: reading.time, plan)
    switch step {
    case .none: return
    case .lapse: break
    case .open(let severity):
      openLimit(plan, index, severity, value, reading, vocabulary, &events)
      return
    case .escalate:
      slots[device][index].severity = .critical
      let escalated = finding(
        plan, slots[device][index], .escalated, value, reading, ending: nil)
      slots[device][index].told.take(escalated)
      escalate(escalated, vocabulary, &events)
      return
    case .close:
      close(
        finding(
          plan, slots[device][index], .closed, value, reading,
          ending: "inside the bounds again"),
        vocabulary, &events)
    }
    slots[device].remove(at: index)
    state.limitSlotCount -= 1
  }

  private mutating func openLimit(
    _ plan: LimitsPlan, _ index: Int, _ severity: AnomalyEvent.Severity, _ value: Double,
    _ reading: Reading, _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    let device = Int(reading.place.device)
    var slot = slots[device][index]
    let definition = Int(slot.key.definition)
    // Refused and told: that is asked at every reading, so it must cost little.
    if isAtCap(definition), slot.id == states[definition].cap?.id { return }
    slot.severity = severity
    slot.openingOffset = reading.place.offset
    let finding = finding(plan, slot, .opened, value, reading, ending: nil)
    if let id = open(finding, row: Int64(reading.rowIndex), vocabulary, &events) {
      slot.id = id
      slot.told.take(finding)
      slots[device][index] = slot
    } else {
      slots[device][index].id = states[definition].cap?.id ?? 0
    }
  }

  private func finding(
    _ plan: LimitsPlan, _ slot: ActiveSlot, _ state: AnomalyEvent.State, _ value: Double,
    _ reading: Reading, ending: String?
  ) -> Finding {
    let severity = slot.severity ?? .warning
    // An opening or escalation is about the value at hand, a closing about the worst.
    let isHigh = plan.isHigh(state == .closed ? slot.worst : value)
    let bound = plan.bound(severity, isHigh: isHigh)
    var evidence = Self.limitEvidence(slot)
    evidence.insert(JSONMember("side", isHigh ? "high" : "low"), at: 1)
    evidence.insert(JSONMember("bound", .number(bound)), at: 2)
    if let ending {
      evidence.append(JSONMember("clear_since", .time(slot.clear.since)))
      evidence.append(JSONMember("clear_readings", .int(slot.clear.count)))
      evidence.append(JSONMember("ended", .string(ending)))
    }
    return Finding(
      device: reading.place.device, metric: slot.key.metric, definition: Int(slot.key.definition),
      severity: severity, state: state, eventTime: reading.time, value: value, expected: bound,
      score: isHigh ? value - bound : bound - value, threshold: bound,
      evidence: .object(evidence), offset: reading.place.offset, id: slot.id)
  }

  /// What is known of a limit's anomaly without the rule.
  static func limitEvidence(_ slot: ActiveSlot) -> [JSONMember] {
    [
      JSONMember("kind", "limits"), JSONMember("worst", .number(slot.worst)),
      JSONMember("violations", .int(slot.violationCount)), JSONMember("since", .time(slot.since)),
    ]
  }
}
