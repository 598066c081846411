import Decode

/// Finds what names the device: a string of the message, the record's key, or a header.
struct DeviceChoice {
  /// A field and what speaks for it.
  struct Candidate {
    let leaf: Leaf
    let score: Int
    let reasons: [String]
  }

  /// What was found.
  struct Found {
    let device: MessageMapping.Device
    let choice: SchemaProposal.Choice
  }

  let leaves: [Leaf]
  let keys: KeyStatistics

  /// A field that scores so much needs no key.
  private static let sureScore = 4
  private static let leastScore = 1

  /// Strings of the record, the likeliest first.
  var candidates: [Candidate] {
    let candidates = leaves.filter { $0.rowNode == nil && $0.kind == .text }.compactMap(candidate)
    return candidates.enumerated().sorted { left, right in
      (-left.element.score, left.element.leaf.path.count, left.offset)
        < (-right.element.score, right.element.leaf.path.count, right.offset)
    }.map(\.element)
  }

  /// Nil where nothing can be the device.
  func find() -> Found? {
    let best = candidates.first
    if let best, best.score >= Self.sureScore { return found(best) }
    if keys.textShare >= 0.99, keys.isRepeating || keys.recordCount < 20 && best == nil {
      return foundKey()
    }
    if let best, best.score >= Self.leastScore { return found(best) }
    if let header = header() { return header }
    if keys.textShare >= 0.99, best == nil { return foundKey() }
    return nil
  }

  private func found(_ candidate: Candidate) -> Found {
    var reasons = candidate.reasons
    if candidate.score < Self.sureScore {
      reasons.append("Little speaks for it: look whether it names the device")
    }
    let others = candidates.dropFirst().filter { $0.score >= Self.sureScore }.prefix(3)
    if !others.isEmpty {
      reasons.append("It could also be " + others.map(\.leaf.text).joined(separator: ", "))
    }
    return Found(
      device: .field(candidate.leaf.text),
      choice: SchemaProposal.Choice(field: candidate.leaf.text, reasons: reasons))
  }

  private func foundKey() -> Found {
    var reasons = [
      "Kafka's key: \(keys.distinct.countText) of them in "
        + "\(Words.count(keys.presentCount, "record")) (\(Words.examples(keys.distinct))); no "
        + "string of the message tells devices better"
    ]
    if !keys.isRepeating { reasons.append("Hardly a key comes twice: look whether it is one") }
    let numbers = leaves.filter { leaf in
      leaf.rowNode == nil && leaf.kind == .integer && leaf.statistics.relation.isOneToOne
        && leaf.usefulShare > 0.99 && leaf.statistics.distinct.count > 1
    }
    if let number = numbers.first {
      reasons.append(
        "\(number.text) (\(number.field.typeName)) goes with it one to one, but a device must be a "
          + "string")
    }
    return Found(
      device: .recordKey, choice: SchemaProposal.Choice(field: "$key", reasons: reasons))
  }

  private func header() -> Found? {
    let fitting = keys.headers.filter { header in
      header.isText && NameHints.device(header.name) > 0 && Double(header.recordCount)
        >= 0.99 * Double(keys.recordCount) && !header.name.isEmpty
        && !header.name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
    }
    guard let best = fitting.max(by: { NameHints.device($0.name) < NameHints.device($1.name) })
    else { return nil }
    let reason = "a header with \(Words.count(best.values.count, "value")) in "
      + "\(Words.count(best.recordCount, "record")) (\(Words.examples(best.values))); neither a "
      + "string of the message nor the key can be the device"
    return Found(
      device: .header(best.name),
      choice: SchemaProposal.Choice(field: "$header.\(best.name)", reasons: [reason]))
  }

  // MARK: - Fields

  /// Nil for a string that cannot be the device.
  private func candidate(_ leaf: Leaf) -> Candidate? {
    let seen = leaf.statistics
    guard leaf.usefulShare >= 0.9, seen.unreadableCount * 10 <= seen.valueCount,
      seen.longestByteCount <= StringBounds.recordTextByteCountMax
    else { return nil }
    var score = NameHints.device(leaf.field.name)
    let name = score
    var reasons = [
      "\(seen.distinct.countText) values in \(Words.count(seen.usefulCount, "record")) "
        + "(\(Words.examples(seen.distinct)))"
    ]
    if leaf.usefulShare < 1 {
      reasons.append("absent in \(Words.percent(1 - leaf.usefulShare)), which become dead letters")
    }
    let (key, keyReason) = keyScore(seen)
    score += key
    if let keyReason { reasons.append(keyReason) }
    if name >= 2 { reasons.append("named like a device") }
    if seen.distinct.count >= 20, seen.distinct.count >= seen.usefulCount {
      score -= 5
      reasons.append("No value comes twice")
    } else if !seen.distinct.isCapped, seen.distinct.count * 2 <= seen.usefulCount {
      score += 1
    }
    if seen.isConstant, seen.usefulCount > 1, !(keys.distinct.count == 1 && key > 0) { score -= 1 }
    if seen.proseCount * 10 > seen.valueCount { score -= 2 }
    return Candidate(leaf: leaf, score: score, reasons: reasons)
  }

  /// What the relation to Kafka's keys says, as far as those repeat.
  private func keyScore(_ seen: FieldStatistics) -> (score: Int, reason: String?) {
    guard keys.presentCount * 10 >= keys.recordCount * 9, keys.presentCount > 0 else {
      return (0, nil)
    }
    if seen.equalsKeyCount * 100 >= seen.usefulCount * 99 { return (5, "it is Kafka's key") }
    guard keys.distinct.count > 1, keys.isRepeating else { return (0, nil) }
    if seen.relation.isOneToOne { return (4, "it goes with Kafka's keys one to one") }
    if seen.relation.isStable {
      return (seen.distinct.count > keys.distinct.count / 2 ? 2 : 0, "each key has one value")
    }
    return (-2, "it changes while Kafka's key stays")
  }
}
