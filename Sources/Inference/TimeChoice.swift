import Decode

/// Finds the event time: a Timestamp, or an integer that counts since 1970.
struct TimeChoice {
  struct Candidate {
    let leaf: Leaf
    let unit: MessageMapping.TimeUnit
    let score: Int
    let reasons: [String]
  }

  let leaves: [Leaf]
  /// The rows of the mapping, among the statistics' nodes.
  let rowNode: Int?
  /// Whether the statistics' groups are devices (or keys), so that order says something.
  let hasGroups: Bool

  private static let leastScore = 3

  /// The likeliest first.
  var candidates: [Candidate] {
    let candidates = leaves.filter { $0.rowNode == nil || $0.rowNode == rowNode }
      .compactMap(candidate)
    return candidates.enumerated().sorted { left, right in
      (-left.element.score, left.offset) < (-right.element.score, right.offset)
    }.map(\.element)
  }

  /// Kafka's timestamp where no field serves.
  func find() -> (time: MessageMapping.Time, choice: SchemaProposal.Choice) {
    let candidates = candidates
    guard let best = candidates.first, best.score >= Self.leastScore else {
      return (MessageMapping.Time(field: "$timestamp"), kafkaTime(candidates))
    }
    var reasons = best.reasons
    let others = candidates.dropFirst().filter { $0.score >= Self.leastScore }.prefix(3)
    if !others.isEmpty {
      reasons.append("It could also be " + others.map(\.leaf.text).joined(separator: ", "))
    }
    let unit = best.leaf.kind == .timestamp ? nil : best.unit
    return (
      MessageMapping.Time(field: best.leaf.text, unit: unit),
      SchemaProposal.Choice(field: best.leaf.text, reasons: reasons)
    )
  }

  private func kafkaTime(_ candidates: [Candidate]) -> SchemaProposal.Choice {
    var reasons = [
      "Kafka's time of the record, as its producer or the broker stamped it: no field of the "
        + "message shows itself to be the time of the reading"
    ]
    if let weak = candidates.first {
      reasons.append("\(weak.leaf.text) might be one: " + weak.reasons.joined(separator: ", "))
    }
    let floating = leaves.filter {
      $0.kind == .floating && ($0.rowNode == nil || $0.rowNode == rowNode) && Self.isTime($0)
    }
    if let field = floating.first {
      reasons.append(
        "\(field.text) (\(field.field.typeName)) holds times, but an event time must be an integer "
          + "or a Timestamp")
    }
    return SchemaProposal.Choice(field: "$timestamp", reasons: reasons)
  }

  /// Whether a number's values are times that lie near Kafka's, or times by name.
  static func isTime(_ leaf: Leaf) -> Bool {
    guard let (_, _, near) = leaf.statistics.clock.unit else { return false }
    return near >= 0.9 || NameHints.time(leaf.field.name) != 0
  }

  private func candidate(_ leaf: Leaf) -> Candidate? {
    let seen = leaf.statistics
    guard leaf.kind == .timestamp || leaf.kind == .integer, leaf.usefulShare >= 0.5,
      let (unit, plausible, near) = seen.clock.unit,
      leaf.kind == .integer || unit == .microseconds
    else { return nil }
    let hint = NameHints.time(leaf.field.name)
    var score = hint
    var reasons: [String] = []
    if leaf.kind == .integer {
      reasons.append(
        "as \(unit.rawValue) since 1970 \(Words.percent(plausible)) of its values are times")
    } else {
      score += 2
      reasons.append("a Timestamp")
    }
    if near >= 0.9 {
      score += 3
      reasons.append(Self.lagText(seen.clock))
    } else {
      reasons.append("not near Kafka's times, as where old data is sent again")
    }
    if hint > 0 { reasons.append("named like a time") }
    if hint < 0 { reasons.append("named like another time than that of the reading") }
    if leaf.usefulShare >= 0.99 { score += 1 }
    if leaf.usefulShare < 1 {
      let what = leaf.rowNode == nil ? "records" : "rows"
      let share = Words.percent(1 - leaf.usefulShare)
      reasons.append("absent in \(share) of the \(what), which become dead letters")
    }
    if leaf.usefulShare < 0.9 { score -= 4 }
    if seen.isConstant, seen.valueCount >= 10 {
      score -= 3
      reasons.append("always the same")
    }
    if leaf.rowNode != nil { score += 2 }
    let relation = seen.relation
    if hasGroups, relation.stepCount > 0, relation.fallingCount * 10 <= relation.stepCount {
      score += 1
      reasons.append(
        relation.fallingCount == 0 ? "never falls within a device" : "seldom falls within a device")
    }
    return Candidate(leaf: leaf, unit: unit, score: score, reasons: reasons)
  }

  private static func lagText(_ clock: ClockStatistics) -> String {
    func seconds(_ micros: Int64) -> String {
      Words.number((Double(micros) / 1e6 * 1000).rounded() / 1000)
    }
    if clock.leastLag == clock.mostLag {
      let lag = seconds(clock.leastLag)
      return clock.leastLag == 0 ? "the same as Kafka's" : "\(lag) s before Kafka's"
    }
    return "\(seconds(clock.leastLag)) to \(seconds(clock.mostLag)) s before Kafka's"
  }
}
