import DeltaLog
import Ledger
import Storage
import TableReading

/// Goes through the dead letters that are meant, record by record: by date, and within a date in
/// the order in which they were read from Kafka.
///
/// Memory: one file, of its columns one row group at a time and the records' bytes only where they
/// are asked for, and the marks of one date.
final class LetterWalk {
  /// A place in the walk, to come back to.
  struct Position {
    fileprivate var day = 0
    fileprivate var file = 0
    fileprivate var rowGroup = 0
    fileprivate var row = 0
  }

  /// A letter and its place in the row group at hand.
  typealias Found = (letter: LetterRow, index: Int)

  private let filter: DeadLetterFilter
  private let storage: any Storage
  private var files: LetterFiles
  /// Behind the last record that `next` gave.
  private(set) var position = Position()
  private var marks: MarkSet?
  private var rows: StoredRows?
  private var letters: LetterRows?
  private var bytes: LetterContents?

  /// - Parameter state: of the chain, which the tables have been brought up to.
  init(
    _ filter: DeadLetterFilter, _ storage: any Storage, state: ChainState
  ) throws(DeltaError) {
    self.filter = filter
    self.storage = storage
    files = try LetterFiles(filter, storage, state: state)
  }

  /// Goes back to a position, with the marks as the table has them now.
  func restart(at position: Position, state: ChainState) throws(DeltaError) {
    self.position = position
    try files.readMarksAgain(storage, state: state)
    marks = nil
    rows = nil
    letters = nil
    bytes = nil
  }

  /// The letters of the next record that has any that are meant; nil at the end. They are valid
  /// until the next call.
  func next() throws(StoredTableError) -> [Found]? {
    while let letters = try rowGroup() {
      while position.row < letters.count {
        let found = try record(in: letters)
        if !found.isEmpty { return found }
      }
      nextRowGroup()
    }
    return nil
  }

  /// What the replays so far say of a letter.
  func state(of letter: LetterRow) -> MarkSet.State {
    marks?.state(of: letter.place) ?? .untried
  }

  /// Whether a mark says what one of the table's says already.
  func isKnown(_ mark: ReplayMark, config: String) -> Bool {
    marks?.says(mark, config: config) ?? false
  }

  /// The bytes of the row group that the last `next` was about.
  func contents() throws(StoredTableError) -> LetterContents {
    if let bytes { return bytes }
    guard let letters else { preconditionFailure("bytes are asked for where a letter was found") }
    let contents = try letters.contents()
    bytes = contents
    return contents
  }

  // MARK: - Steps

  /// The rows of the record at the position, moving behind it; those that are not meant left out.
  private func record(in letters: LetterRows) throws(StoredTableError) -> [Found] {
    let first = try letters[position.row]
    var found: [Found] = []
    var letter = first
    repeat {
      if filter.takes(letter) { found.append((letter, position.row)) }
      position.row += 1
      guard position.row < letters.count else { break }
      letter = try letters[position.row]
    } while letter.key == first.key && letter.offset == first.offset
      && (letter.rowIndex == nil) == (first.rowIndex == nil)
    return found
  }

  /// The row group at the position, from its file where need be; nil behind the last.
  private func rowGroup() throws(StoredTableError) -> LetterRows? {
    if let letters { return letters }
    while position.day < files.days.count {
      let day = files.days[position.day]
      if marks == nil { marks = try MarkSet.read(day.marks, storage) }
      while position.file < day.letters.count {
        let rows = try open(day.letters[position.file])
        if position.rowGroup < rows.rowGroupCount {
          let letters = try LetterRows(rows, rowGroup: position.rowGroup)
          self.letters = letters
          return letters
        }
        self.rows = nil
        position.file += 1
        position.rowGroup = 0
      }
      marks = nil
      position.day += 1
      position.file = 0
    }
    return nil
  }

  private func open(_ file: TableFile) throws(StoredTableError) -> StoredRows {
    if let rows { return rows }
    let opened = try StoredRows(file.path, storage)
    rows = opened
    return opened
  }

  private func nextRowGroup() {
    letters = nil
    bytes = nil
    position.rowGroup += 1
    position.row = 0
  }
}

/// The files of `dead_letters` that a question concerns, and those of their marks, as the logs of
/// both tables name them.
struct LetterFiles {
  /// Letters of one date.
  struct Day {
    /// Nil where the log gives the files no date.
    let day: Int32?
    /// In the order of the log, so that a partition's offsets ascend.
    let letters: [TableFile]
    fileprivate(set) var marks: [TableFile]
  }

  /// Ascending; only dates with letters that can be meant.
  private(set) var days: [Day]

  /// - Parameter state: of the chain; says whose commits are ours, and which tables there are.
  init(
    _ filter: DeadLetterFilter, _ storage: any Storage, state: ChainState
  ) throws(DeltaError) {
    // Letters first: the marks that are read after them may know of more, never of fewer.
    let letters = try Self.files(DeadLettersTable.tableDefinition.name, storage, state)
      .filter { file in
        file.day.map { filter.canMatch(day: $0) } ?? true
          && filter.canMatch(statistics: file.statistics)
      }
    days = Dictionary(grouping: letters, by: \.day)
      .sorted { $0.key ?? .min < $1.key ?? .min }
      .map { Day(day: $0.key, letters: $0.value, marks: []) }
    try readMarksAgain(storage, state: state)
  }

  /// Takes the marks as the table has them now; the letters stay those of the beginning.
  mutating func readMarksAgain(_ storage: any Storage, state: ChainState) throws(DeltaError) {
    let files = try Self.files(DeadLetterReplaysTable.name, storage, state)
    let marks = Dictionary(grouping: files, by: \.day)
    for index in days.indices { days[index].marks = marks[days[index].day] ?? [] }
  }

  private static func files(
    _ table: String, _ storage: any Storage, _ state: ChainState
  ) throws(DeltaError) -> [TableFile] {
    if state.tables[table] == nil { return [] }
    return try TableFileList.read(
      table: table, storage: storage, appID: "\(state.pipeline)/\(state.ledgerID)")
  }
}
