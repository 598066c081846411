import Base
import Config
import Pipeline

/// One expectation held against the rows of a trial.
///
/// Rows are a set: tables have no order. Each expected row wants a row of its own, and which one is
/// chosen so that as many as possible have one; a row with few columns does not take the one row
/// that a fuller one needs.
struct RowMatch {
  /// A row of one of the tables.
  private struct Place {
    let table: Int
    let row: Int
  }

  private let expectation: FixtureFile.Expectation
  private let tables: [TrialTable]
  /// By expected row, by its cell, by table: the column and what it shall have; nil where the table
  /// lacks the column.
  private var expected: [[[TypedCell?]]] = []
  private var places: [Place] = []

  private struct TypedCell {
    /// Nil: the column `source` of readings, which the table's name says.
    let column: Int?
    let value: ExpectedValue
  }

  /// - Parameter tables: those of the expectation's kind.
  /// - Throws: faults of the fixture: columns that there are not, values that cannot be.
  init(
    _ expectation: FixtureFile.Expectation, _ tables: [TrialTable], _ fixture: FixtureFile
  ) throws(ConfigFaults) {
    self.expectation = expectation
    self.tables = tables
    var faults: [ConfigFault] = []
    let rows = expectation.rows + (expectation.filter.map { [$0] } ?? [])
    for row in rows {
      expected.append(
        row.cells.map { cell in
          let typed = tables.map { Self.typed(cell, $0) }
          if typed.allSatisfy({ $0 == nil }) {
            faults.append(Self.fault(cell, of: row, tables, fixture))
          }
          return typed
        })
    }
    if !faults.isEmpty { throw ConfigFaults(faults) }
    let filter = expectation.filter.map { _ in expected.removeLast() }
    for (table, content) in tables.enumerated() {
      for row in content.rows.indices {
        let place = Place(table: table, row: row)
        if let filter, matchCount(filter, place) < filter.count { continue }
        places.append(place)
      }
    }
  }

  private static func typed(_ cell: FixtureFile.Cell, _ table: TrialTable) -> TypedCell? {
    if let column = table.columns.firstIndex(of: cell.column) {
      return ExpectedValue(cell.value, table.types[column]).map {
        TypedCell(column: column, value: $0)
      }
    }
    guard cell.column == "source", table.source != nil else { return nil }
    return ExpectedValue(cell.value, .text).map { TypedCell(column: nil, value: $0) }
  }

  private static func fault(
    _ cell: FixtureFile.Cell, of row: FixtureFile.Row, _ tables: [TrialTable],
    _ fixture: FixtureFile
  ) -> ConfigFault {
    let keyPath = "\(row.keyPath).\(cell.column)"
    for table in tables {
      guard let column = table.columns.firstIndex(of: cell.column) else { continue }
      return fixture.fault(
        at: keyPath, "expected \(ExpectedValue.words(for: table.types[column]))")
    }
    var columns: [String] = []
    for name in tables.flatMap(\.columns) where !columns.contains(name) { columns.append(name) }
    if tables.contains(where: { $0.source != nil }) { columns.append("source") }
    let names = Set(tables.map(\.name)).sorted().joined(separator: ", ")
    return fixture.fault(
      at: keyPath, "\(names) has no such column",
      suggestion: Configuration.suggestion(for: cell.column, among: columns)
        ?? "the columns are \(columns.joined(separator: ", "))")
  }

  // MARK: - Matching

  private func found(_ cell: TypedCell, _ place: Place) -> RowValue {
    let table = tables[place.table]
    guard let column = cell.column else { return table.source.map { .text($0) } ?? .null }
    return table.rows[place.row][column]
  }

  /// How many of the cells a row has as they shall be. A column that its table lacks is null.
  private func matchCount(_ cells: [[TypedCell?]], _ place: Place) -> Int {
    cells.count { doesMatch($0, place) }
  }

  private func doesMatch(_ cell: [TypedCell?], _ place: Place) -> Bool {
    guard let typed = cell[place.table] else {
      // The same column of another source has a value to be compared, or none is wanted.
      return cell.contains { if case .value(.null)? = $0?.value { true } else { false } }
    }
    return typed.value.matches(found(typed, place), tolerance: expectation.tolerance)
  }

  /// What is not as expected; empty where all is.
  func failures(_ fixture: FixtureFile) -> [TestFailure] {
    let candidates = expected.map { cells in
      places.indices.filter { matchCount(cells, places[$0]) == cells.count }
    }
    let matching = Matching(candidates, rightCount: places.count)
    var failures: [TestFailure] = []
    for (index, row) in expectation.rows.enumerated() where matching.partners[index] == nil {
      failures.append(missing(index, row, candidates[index], matching, fixture))
    }
    if let count = expectation.count, count != places.count {
      failures.append(
        failure(
          expectation.keyPath, "expected \(Figure.count(count, "row")); found \(places.count)",
          fixture, shows: expectation.rows.isEmpty ? places.prefix(Self.shownRowCount) : []))
    }
    if expectation.isExact {
      let others = places.indices.filter { !matching.isTaken($0) }
      // Of `none` the count has said it.
      if !others.isEmpty, expectation.count == nil || !expectation.rows.isEmpty {
        failures.append(
          failure(
            expectation.keyPath, "\(Figure.count(others.count, "row")) that nobody expected",
            fixture, shows: others.prefix(Self.shownRowCount).map { places[$0] }))
      }
    }
    return failures
  }

  private static let shownRowCount = 10

  private func failure(
    _ keyPath: String, _ sentence: String, _ fixture: FixtureFile, shows: some Sequence<Place>
  ) -> TestFailure {
    TestFailure(
      table: expectation.table.rawValue, line: fixture.line(of: keyPath), sentence: sentence,
      differences: [], rows: shows.map { FixtureText.row($0.row, of: tables[$0.table]) })
  }

  private func missing(
    _ index: Int, _ row: FixtureFile.Row, _ candidates: [Int], _ matching: Matching,
    _ fixture: FixtureFile
  ) -> TestFailure {
    let cells = expected[index]
    var failure = failure(row.keyPath, "", fixture, shows: EmptyCollection())
    if !candidates.isEmpty {
      failure.sentence = "there is such a row, and another expected row has taken it"
      return failure
    }
    guard !places.isEmpty else {
      failure.sentence = "no row as expected; there is none at all"
      return failure
    }
    // Of those that nobody has taken, if there are any.
    let free = places.indices.filter { !matching.isTaken($0) }
    let nearest = (free.isEmpty ? Array(places.indices) : free).max { left, right in
      matchCount(cells, places[left]) < matchCount(cells, places[right])
    }
    guard let nearest else { return failure }
    for (cell, typed) in zip(row.cells, cells) where !doesMatch(typed, places[nearest]) {
      let place = places[nearest]
      let known = typed[place.table]
      failure.differences.append(
        TestFailure.Difference(
          column: cell.column,
          expected: (known ?? typed.compactMap { $0 }.first)?.value.text ?? "null",
          found: known.map { found($0, place).text } ?? "no such column"))
    }
    failure.sentence =
      "no row as expected; of \(Figure.count(places.count, "row")) the nearest has "
      + "\(row.cells.count - failure.differences.count) of \(row.cells.count) columns so, but"
    return failure
  }
}

/// A largest matching between expected rows and rows.
///
/// Source: H. W. Kuhn's augmenting paths (1955). Cost: expected rows × candidates at worst.
struct Matching {
  /// By left side: its partner on the right.
  private(set) var partners: [Int?]
  private var takers: [Int?]

  /// - Parameter candidates: by left side, those on the right that it may have.
  init(_ candidates: [[Int]], rightCount: Int) {
    partners = Array(repeating: nil, count: candidates.count)
    takers = Array(repeating: nil, count: rightCount)
    for left in candidates.indices {
      var seen: Set<Int> = []
      _ = augment(left, candidates, &seen)
    }
  }

  func isTaken(_ right: Int) -> Bool { takers[right] != nil }

  private mutating func augment(
    _ left: Int, _ candidates: [[Int]], _ seen: inout Set<Int>
  ) -> Bool {
    for right in candidates[left] where seen.insert(right).inserted {
      if let taker = takers[right], !augment(taker, candidates, &seen) { continue }
      takers[right] = left
      partners[left] = right
      return true
    }
    return false
  }
}
