import Base
import Decode
import Inference

/// A proposal as the YAML block of a source, with the reasons as comments.
struct ProposalText {
  /// Where the message types come from, as the mapping says it.
  enum Definition: Equatable {
    case builtIn
    /// An absolute path, so that the block may be pasted anywhere.
    case descriptorSet(String)
    case protos(String)
    case registry(String)
  }

  let proposal: SchemaProposal
  let topic: String
  let definition: Definition

  private static let columnMax = 90

  /// Comments, then `sources:` with one item. Accepted by `check` as it is.
  var text: String {
    var lines: [String] = []
    header(&lines)
    lines.append("sources:")
    lines.append("  - name: \(YAMLText.scalar(proposal.mapping.source))")
    lines.append("    topics: [\(YAMLText.scalar(topic))]")
    message(&lines)
    device(&lines)
    time(&lines)
    sequence(&lines)
    attributes(&lines)
    metrics(&lines)
    return lines.map { $0 + "\n" }.joined()
  }

  // MARK: - Parts

  private func header(_ lines: inout [String]) {
    let sample = proposal.sample
    let trial = proposal.trial
    let partitions =
      sample.partitionCount == 1 ? "1 partition" : "\(sample.partitionCount) partitions"
    var first = "Proposed by `downlinkd schema infer` from \(sample.recordCount) records of topic "
      + "\(topic), \(partitions)"
    if let earliest = sample.earliestMicros, let latest = sample.latestMicros {
      first += ", Kafka's times \(Timestamp.text(micros: earliest)) to "
        + Timestamp.text(micros: latest)
    }
    Self.comment(first + ". Read it before you use it.", indent: 0, &lines)
    var tried = "Tried on these records: \(trial.readCount) read, \(trial.readingCount) readings"
      + " of \(trial.deviceCount) devices"
    if trial.emptyCount > 0 { tried += ", \(trial.emptyCount) without rows" }
    Self.comment(tried + ", \(trial.deadCount) dead.", indent: 0, &lines)
    for fault in trial.dead {
      Self.comment(
        "- \(fault.count) dead, \(fault.reason.rawValue): first \(fault.example)", indent: 0,
        &lines)
    }
    for fault in trial.badRows {
      Self.comment(
        "- \(fault.count) bad rows or values, \(fault.reason.rawValue): first \(fault.example)",
        indent: 0, &lines)
    }
    if trial.implausibleTimeCount > 0 {
      Self.comment(
        "- \(trial.implausibleTimeCount) readings before 2000-01-01, which enter no window",
        indent: 0, &lines)
    }
    for note in proposal.notes { Self.comment("- \(note)", indent: 0, &lines) }
  }

  private func message(_ lines: inout [String]) {
    let mapping = proposal.mapping
    if let fit = proposal.fits.first {
      var sentences = ["Fits \(fit.fittingCount) of \(fit.recordCount) records"]
      if let misfit = fit.misfit { sentences.append("\(misfit.count) do not: \(misfit.reason)") }
      if proposal.isTypeGiven {
        sentences.append("it was given")
      } else if proposal.fits.count == 1 {
        sentences.append("it is the only type")
      } else {
        sentences.append("it explains them best")
      }
      reasons(sentences, &lines)
      for next in proposal.fits.dropFirst().prefix(3) {
        Self.comment(Self.runnerUp(next), indent: 4, &lines)
      }
    }
    lines.append("    message: \(YAMLText.scalar(mapping.messageName))")
    switch definition {
    case .builtIn: break
    case .descriptorSet(let path): lines.append("    descriptor_set: \(YAMLText.scalar(path))")
    case .protos(let folder): lines.append("    protos: {folder: \(YAMLText.flow(folder))}")
    case .registry(let subject):
      Self.comment("Its definition is \(subject)'s, from the schema registry.", indent: 4, &lines)
    }
    if mapping.envelope != .none { lines.append("    envelope: \(mapping.envelope.rawValue)") }
    if let rows = mapping.rows {
      reasons(proposal.rows, &lines)
      lines.append("    rows: \(YAMLText.scalar(rows))")
    }
  }

  private static func runnerUp(_ fit: TypeFit) -> String {
    var text = "Next: \(fit.name), which fits \(fit.fittingCount) of them"
    if fit.fittingCount > 0 { text += " and explains \(Int((fit.score * 100).rounded())) %" }
    if let misfit = fit.misfit { text += "; \(misfit.count) do not: \(misfit.reason)" }
    return text + "."
  }

  private func device(_ lines: inout [String]) {
    reasons(proposal.device.reasons, &lines)
    lines.append("    device: \(YAMLText.scalar(proposal.device.field))")
  }

  private func time(_ lines: inout [String]) {
    reasons(proposal.time.reasons, &lines)
    let time = proposal.mapping.time
    let unit = time.unit.map { ", unit: \($0.rawValue)" } ?? ""
    lines.append("    time: {field: \(YAMLText.flow(time.field))\(unit)}")
  }

  private func sequence(_ lines: inout [String]) {
    guard let sequence = proposal.sequence else { return }
    reasons(sequence.reasons, &lines)
    let isMapped = proposal.mapping.sequence != nil
    lines.append("    \(isMapped ? "" : "# ")sequence: \(YAMLText.scalar(sequence.field))")
    if proposal.tellsDuplicates {
      Self.comment(
        "Leaves out copies of a record, if no device begins anew within the hour:", indent: 4,
        &lines)
      lines.append("    # deduplicate: {by: sequence, within: 1h}")
    }
  }

  private func attributes(_ lines: inout [String]) {
    if proposal.attributes.isEmpty { return }
    let proposed = proposal.attributes.contains(where: \.isProposed)
    lines.append("    attributes:\(proposed ? "" : " []")")
    for column in proposal.attributes {
      let isRenamed = column.name != ColumnNames.name(ofPath: column.field)
      let item = isRenamed
        ? "{field: \(YAMLText.flow(column.field)), name: \(column.name)}"
        : YAMLText.scalar(column.field)
      Self.item(item, column, &lines)
    }
  }

  private func metrics(_ lines: inout [String]) {
    if let narrow = proposal.mapping.narrowMetric {
      lines.append(
        "    metric: {name: \(YAMLText.flow(narrow.nameField)), "
          + "value: \(YAMLText.flow(narrow.valueField))}")
      return
    }
    lines.append("    metrics:")
    for column in proposal.metrics {
      var usual = ColumnNames.name(ofPath: column.field)
      if let key = column.key { usual += "_\(key)" }
      let key = column.key.map { ", key: \(YAMLText.flow($0))" } ?? ""
      let name = column.name == usual ? "" : ", name: \(column.name)"
      let item = key.isEmpty && name.isEmpty
        ? YAMLText.scalar(column.field)
        : "{field: \(YAMLText.flow(column.field))\(key)\(name)}"
      Self.item(item, column, &lines)
    }
  }

  // MARK: - Lines

  private func reasons(_ sentences: [String], _ lines: inout [String]) {
    guard !sentences.isEmpty else { return }
    let text = sentences.joined(separator: "; ")
    Self.comment(text.prefix(1).uppercased() + text.dropFirst() + ".", indent: 4, &lines)
  }

  private static func item(
    _ item: String, _ column: SchemaProposal.Column, _ lines: inout [String]
  ) {
    let entry = "      \(column.isProposed ? "" : "# ")- \(item)"
    let line = "\(entry)  # \(YAMLText.comment(column.remark))"
    if line.count <= columnMax {
      lines.append(line)
    } else {
      comment(column.remark + ":", indent: 6, &lines)
      lines.append(entry)
    }
  }

  /// A comment, broken between words where it is too long for a line.
  static func comment(_ text: String, indent: Int, _ lines: inout [String]) {
    let start = String(repeating: " ", count: indent) + "#"
    let isItem = text.hasPrefix("- ")
    var line = start
    for word in YAMLText.comment(text).split(separator: " ") {
      if line.count > start.count + 1, line.count + word.count + 1 > columnMax {
        lines.append(line)
        line = start + (isItem ? "  " : "")
      }
      line += " " + word
    }
    lines.append(line)
  }
}

/// Texts in YAML, whatever they hold.
enum YAMLText {
  /// A scalar of a block: quoted unless it is plainly a word.
  static func scalar(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

  /// A scalar inside `{ }`.
  static func flow(_ text: String) -> String { scalar(text) }

  /// A text that stays in one line and ends no comment.
  static func comment(_ text: String) -> String {
    String(
      text.unicodeScalars.map { scalar in
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
          || scalar.value == 0x2028 || scalar.value == 0x2029 || scalar.value == 0xFEFF
        return isControl ? " " : Character(scalar)
      })
  }

  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, isLetter(first) || first == "$" || first == "_"
    else { return false }
    guard !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
    else { return false }
    return text.unicodeScalars.allSatisfy { scalar in
      isLetter(scalar) || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "."
        || scalar == "-" || scalar == "$"
    }
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  /// Double-quoted; `${` keeps its characters, where the configuration would look for a variable.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.replacing("${", with: "$${").unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      default:
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
          || scalar.value == 0x2028 || scalar.value == 0x2029 || scalar.value == 0xFEFF
        if isControl {
          let digits = String(scalar.value, radix: 16)
          quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          quoted.unicodeScalars.append(scalar)
        }
      }
    }
    return quoted + "\""
  }
}
