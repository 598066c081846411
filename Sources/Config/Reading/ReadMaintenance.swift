/// Tables that have rules. The readings of single sources stand beside them: `readings_<source>`.
enum TableKey: String, ConfigKey {
  case readings, windows, anomalies
  case deadLetters = "dead_letters"
  case gaps, devices

  static let readingsPrefix = "readings_"
}

/// Of every table whose rows have a date.
enum TableRuleKey: String, ConfigKey { case keep }

/// Of the table `devices`, in which old rows are replaced.
enum DevicesTableKey: String, ConfigKey { case every }

enum MaintenanceKey: String, ConfigKey {
  case enabled, compact
  case fileSize = "file_size"
  case settle, rate
  case logCheckpoint = "log_checkpoint"
  case logKeep = "log_keep"
  case deletedFilesKeep = "deleted_files_keep"
}

extension Configuration.Tables {
  /// - Parameter sources: the names of the sources, for tables that are none of theirs.
  init(_ root: Section<RootKey>, sources: [String]) {
    let reading = root.reading
    let path = root.path(of: .tables)
    var keeps: [String: Keep] = [:]
    for key in TableKey.allCases where key != .devices { keeps[key.rawValue] = .forever }
    var every: Int64? = Default.devicesEvery
    for entry in root.entries(.tables, of: "a mapping of table names, such as windows: {keep: 90d}")
    {
      let entryPath = "\(path).\(entry.key)"
      if entry.key == TableKey.devices.rawValue {
        let section = Section<DevicesTableKey>(entry.value, path: entryPath, in: reading)
        every = section.value(.every, default: every, .devicesEvery)
      } else if let fault = Self.fault(ofName: entry.key, sources) {
        reading.report(
          entryPath, at: entry.keyPosition, fault.message, suggestion: fault.suggestion)
      } else {
        let section = Section<TableRuleKey>(entry.value, path: entryPath, in: reading)
        keeps[entry.key] = section.optional(.keep, .keep) ?? keeps[entry.key]
      }
    }
    self.keeps = keeps
    devicesEveryMicros = every
  }

  private static func fault(ofName name: String, _ sources: [String]) -> ValueFault? {
    if TableKey(rawValue: name) != nil { return nil }
    let known = TableKey.allCases.map(\.rawValue)
    if name == "dead_letter_replays" {
      return ValueFault(
        "the marks of letters that came back are kept as long as the letters",
        suggestion: "give `dead_letters` the rule")
    }
    let tables = sources.filter { !$0.isEmpty }.map { TableKey.readingsPrefix + $0 }
    if tables.contains(name) { return nil }
    let near = Suggestion.nearest(to: name, among: known + tables)
      .map { "did you mean `\($0)`?" }
    // Sources that are faulty have been reported: what they are called nobody knows.
    if name.hasPrefix(TableKey.readingsPrefix), tables.count < sources.count || sources.isEmpty {
      return nil
    }
    return ValueFault(
      "unknown table; expected one of \(known.joined(separator: ", ")), or readings_ and the name"
        + " of a source; a source that is gone follows `readings`", suggestion: near)
  }
}

extension Section<RootKey> {
  /// The entries of a mapping whose keys are names; empty where the key has no value.
  fileprivate func entries(_ key: RootKey, of expected: String) -> [ConfigEntry] {
    guard let node = node(key) else { return [] }
    switch node.content {
    case .mapping(let entries): return entries.filter { !$0.key.contains("${") }
    case .faulty: break
    case .scalar(let scalar) where scalar.isNull: break
    case .scalar, .list:
      report(key, "expected \(expected); found \(node.kindText)")
    }
    return []
  }
}

extension Configuration.Maintenance {
  init(_ section: Section<MaintenanceKey>) {
    isEnabled = section.value(.enabled, default: true, .boolean)
    compacts = section.value(.compact, default: true, .boolean)
    fileByteCount = section.value(
      .fileSize, default: Default.compactedFileByteCount,
      .byteCount(in: Allowed.compactedFileByteCount))
    settleMicros = section.value(
      .settle, default: Default.settle, .duration(in: Allowed.settle))
    rateByteCount = section.value(.rate, default: Default.maintenanceRate, .rate)
    logCheckpointVersionCount = section.value(
      .logCheckpoint, default: Default.logCheckpointVersionCount,
      .wholeNumber(in: Allowed.logCheckpointVersionCount))
    logKeepMicros = section.value(
      .logKeep, default: Default.logKeep, .duration(in: Allowed.logKeep))
    deletedFilesKeepMicros = section.value(
      .deletedFilesKeep, default: Default.deletedFilesKeep,
      .duration(in: Allowed.deletedFilesKeep))
  }
}

extension Format {
  /// The same, or a word that stands for nil.
  fileprivate static func value<Wrapped>(
    _ format: Format<Wrapped>, or word: String
  ) -> Format<Wrapped?> where Value == Wrapped? {
    Format<Wrapped?>(expected: "\(word), or \(format.expected)") { (scalar) throws(ValueFault) in
      scalar.text == word ? nil : try format.read(scalar)
    }
  }
}

extension Format where Value == Configuration.Tables.Keep {
  fileprivate static var keep: Format<Value> {
    let duration = Format<Int64>.duration(in: Allowed.keep)
    return Format(expected: "forever, or \(duration.expected)") { (scalar) throws(ValueFault) in
      if scalar.text == "forever" { return .forever }
      let words = ["never", "none", "always", "ever", "all", "unlimited"]
      guard !words.contains(scalar.text.lowercased()) else {
        throw ValueFault(
          "is not known here; expected forever, or \(duration.expected)",
          suggestion: "did you mean `forever`?")
      }
      return .micros(try duration.read(scalar))
    }
  }
}

extension Format where Value == Int64? {
  fileprivate static var devicesEvery: Format<Int64?> {
    .value(.duration(in: Allowed.devicesEvery), or: "never")
  }

  /// Bytes, or nil for `none`.
  static var budget: Format<Int64?> { .value(.byteCount(in: Allowed.budget), or: "none") }

  /// Bytes a second, `64MiB/s`, or nil for `none`.
  fileprivate static var rate: Format<Int64?> {
    let expected = RateText.example
    let rate = Format<Int64>(expected: expected) { (scalar) throws(ValueFault) in
      let byteCount = try RateText.byteCount(scalar.text)
      let range = Allowed.maintenanceRate
      guard range.contains(byteCount) else {
        throw ValueFault(
          "is out of range; expected \(RateText.text(byteCount: range.lowerBound)) to "
            + RateText.text(byteCount: range.upperBound))
      }
      return byteCount
    }
    return .value(rate, or: "none")
  }
}
