internal import Base

enum FixtureKey: String, ConfigKey { case config, tests }

enum FixtureTestKey: String, ConfigKey {
  case name, topic, records, advance
  case fireOpenWindows = "fire_open_windows"
  case expect
}

enum FixtureRecordKey: String, ConfigKey {
  case topic, partition, key, headers, timestamp
  case appendTime = "append_time"
  case message, raw, csv, advance
}

enum FixtureExpectKey: String, ConfigKey {
  case readings, windows, anomalies
  case deadLetters = "dead_letters"
}

enum FixtureBlockKey: String, ConfigKey { case rows, filter = "where", exactly, count, tolerance }

extension FixtureFile {
  /// Every key path the reader knows, `[]` standing for the items of a list, `*` for the tables.
  /// docs/FIXTURES.md has an entry for each.
  package static let knownKeys: [String] = {
    var paths = FixtureKey.allCases.map(\.rawValue)
    paths += FixtureTestKey.allCases.map { "tests[].\($0.rawValue)" }
    paths += FixtureRecordKey.allCases.map { "tests[].records[].\($0.rawValue)" }
    paths += FixtureExpectKey.allCases.map { "tests[].expect.\($0.rawValue)" }
    return paths + FixtureBlockKey.allCases.map { "tests[].expect.*.\($0.rawValue)" }
  }()

  init(_ root: Section<FixtureKey>, _ reading: Reading) {
    file = reading.file
    config = root.optional(.config, .path(in: reading.folder))
    root.requirePresence(of: .tests, expected: "a list of tests")
    let sections =
      root.sections(.tests, FixtureTestKey.self, of: "a test with name, records and expect") ?? []
    tests = sections.map { Test($0) }
    places = Configuration.Places(
      positions: reading.positions, redactions: reading.redactions, document: reading.document,
      origins: reading.origins)
    var names: Set<String> = []
    for test in tests where !names.insert(test.name).inserted && !test.name.isEmpty {
      reading.report("\(test.keyPath).name", "another test of the file has this name")
    }
  }
}

extension FixtureFile.Test {
  init(_ section: Section<FixtureTestKey>) {
    keyPath = section.path
    name = section.required(.name, placeholder: "", .text)
    let topic = section.optional(.topic, .topic)
    section.requirePresence(of: .records, expected: "a list of records")
    let items =
      section.sections(
        .records, FixtureRecordKey.self, of: "a record such as {message: {…}}", mayBeEmpty: true)
      ?? []
    var steps = items.map { FixtureFile.Step($0, topic: topic) }
    if let micros = section.optional(.advance, .advance) {
      steps.append(FixtureFile.Step(advance: micros, keyPath: section.path(of: .advance)))
    }
    self.steps = steps
    firesOpenWindows = section.value(.fireOpenWindows, default: false, .boolean)
    expectations = FixtureFile.Expectation.list(section.section(.expect, FixtureExpectKey.self))
  }
}

extension FixtureFile.Step {
  /// Time that passes at the end.
  init(advance micros: Int64, keyPath: String) {
    self.keyPath = keyPath
    content = .advance(micros)
    (topic, partition, key, headers, timestamp) = (nil, 0, nil, [], nil)
  }

  init(_ section: Section<FixtureRecordKey>, topic: String?) {
    keyPath = section.path
    self.topic = section.optional(.topic, .topic) ?? topic
    partition = Int32(
      section.value(.partition, default: 0, .wholeNumber(in: 0...99_999)))
    key = section.node(.key).flatMap {
      section.reading.bytes($0, path: section.path(of: .key))
    }
    headers = Self.headers(section)
    timestamp = Self.timestamp(section)
    content = Self.content(section)
    if case .advance = content {
      for key in FixtureRecordKey.allCases where key != .advance && section.has(key) {
        section.report(key, "has no place beside advance: time passes by itself")
      }
    }
  }

  private static let forms: [FixtureRecordKey] = [.message, .raw, .csv, .advance]

  private static func content(_ section: Section<FixtureRecordKey>) -> FixtureFile.Content {
    let given = forms.filter { section.has($0) }
    if given.count > 1 {
      section.report(
        given[1], "excludes `\(given[0].rawValue)`: a record is one of "
          + forms.map(\.rawValue).joined(separator: ", "))
    }
    guard let form = given.first, let node = section.node(form) else {
      section.requireOne(of: forms)
      return .raw(nil)
    }
    switch form {
    case .raw:
      if case .scalar(let scalar) = node.content, scalar.isNull { return .raw(nil) }
      return .raw(section.reading.bytes(node, path: section.path(of: .raw)))
    case .csv:
      let path = section.optional(.csv, .path(in: section.reading.folder))
      return .csv(file: path ?? "")
    case .advance: return .advance(section.optional(.advance, .advance) ?? 0)
    default: return .message(JSONValue(node))
    }
  }

  private static func timestamp(_ section: Section<FixtureRecordKey>) -> FixtureFile.Stamp? {
    if section.has(.timestamp), section.has(.appendTime) {
      section.report(
        .appendTime, "excludes `timestamp`: a record is stamped by its producer or by the broker")
    }
    if let micros = section.optional(.timestamp, .instant) {
      return FixtureFile.Stamp(micros: micros, isAppendTime: false)
    }
    return section.optional(.appendTime, .instant).map {
      FixtureFile.Stamp(micros: $0, isAppendTime: true)
    }
  }

  private static func headers(_ section: Section<FixtureRecordKey>) -> [FixtureFile.Header] {
    guard let node = section.node(.headers) else { return [] }
    let path = section.path(of: .headers)
    guard case .mapping(let entries) = node.content else {
      section.report(.headers, "expected a mapping of names to values; found \(node.kindText)")
      return []
    }
    return entries.map { entry in
      let own = "\(path).\(entry.key)"
      if entry.key.utf8.contains(0) { section.reading.report(own, "a header's name holds no NUL") }
      return FixtureFile.Header(
        name: entry.key, value: section.reading.bytes(entry.value, path: own))
    }
  }
}

extension FixtureFile.Expectation {
  static func list(_ section: Section<FixtureExpectKey>) -> [FixtureFile.Expectation] {
    FixtureExpectKey.allCases.compactMap { key in
      guard let node = section.node(key), let table = FixtureFile.Table(rawValue: key.rawValue)
      else { return nil }
      return FixtureFile.Expectation(table, node, path: section.path(of: key), section.reading)
    }
  }

  /// `none`, a list of rows that shall be there, or a mapping that says more.
  private init(
    _ table: FixtureFile.Table, _ node: ConfigNode, path: String, _ reading: Reading
  ) {
    self.table = table
    keyPath = path
    switch node.content {
    case .scalar(let scalar) where scalar.text == "none":
      (filter, rows, isExact, count) = (nil, [], true, 0)
      tolerance = FixtureFile.defaultTolerance
    case .list(let items):
      rows = items.enumerated().map { FixtureFile.Row($1, path: "\(path)[\($0)]", reading) }
      (filter, isExact, count) = (nil, false, nil)
      tolerance = FixtureFile.defaultTolerance
    case .mapping:
      let block = Section<FixtureBlockKey>(node, path: path, in: reading)
      filter = block.node(.filter).map {
        FixtureFile.Row($0, path: block.path(of: .filter), reading)
      }
      let items = block.items(.rows, of: "a row such as {device_id: sat-1}", mayBeEmpty: true)
      rows = (items ?? []).map { FixtureFile.Row($0.node, path: $0.path, reading) }
      isExact = block.value(.exactly, default: false, .boolean)
      count = block.optional(.count, .wholeNumber(in: 0...1_000_000_000))
      tolerance = block.value(
        .tolerance, default: FixtureFile.defaultTolerance, .numberFromZero)
      if items == nil, count == nil {
        block.requireOne(of: [.rows, .count])
      }
    case .scalar, .faulty:
      if case .scalar = node.content {
        reading.report(
          path, "expected a list of rows, a mapping with rows or count, or `none`")
      }
      (filter, rows, isExact, count, tolerance) = (nil, [], false, nil, 0)
    }
  }
}

extension FixtureFile.Row {
  init(_ node: ConfigNode, path: String, _ reading: Reading) {
    keyPath = path
    switch node.content {
    case .mapping(let entries):
      cells = entries.map { FixtureFile.Cell(column: $0.key, value: JSONValue($0.value)) }
    case .faulty: cells = []
    case .scalar, .list:
      reading.report(path, "expected a row: columns and values; found \(node.kindText)")
      cells = []
    }
  }
}
