/// A first look into a file: its header, and which of its columns hold numbers.
enum CSVProbe {
  /// Rows looked at to tell numbers from words.
  static let rowCountMax = 1000

  struct Findings {
    let columns: CSVColumns
    /// The metrics chosen, by name.
    let metrics: [CSVOptions.Metric]
    /// Columns that nobody named and that hold words.
    let wordColumns: [String]
  }

  /// Looks at the header and, where no metrics are named, at the first rows.
  static func look(
    into file: String, _ options: CSVOptions
  ) throws(ProduceError) -> Findings {
    var reader = CSVReader(try ByteInput.open(file), delimiter: options.delimiter)
    guard try reader.next() else { throw .usage("\(file) is empty: its first line names columns") }
    let header = reader.fields.map { trimmed(reader.text[$0]) }
    var balances = [Int](repeating: 0, count: header.count)
    if options.metrics.isEmpty {
      var rowCount = 0
      while rowCount < rowCountMax, try reader.next() {
        rowCount += 1
        guard reader.fields.count == header.count else { continue }
        for index in header.indices {
          switch NumberText.read(reader.text, reader.fields[index]) {
          case .value: balances[index] += 1
          case .unreadable: balances[index] -= 1
          case .missing: break
          }
        }
      }
    }
    var wordColumns: [String] = []
    // Most values decide, so that one bad cell does not cost a column; an empty one may fill later.
    let columns = try CSVColumns(header: header, file: file, options: options) { index in
      if balances[index] < 0 { wordColumns.append(header[index]) }
      return balances[index] >= 0
    }
    let metrics = columns.metrics.map {
      CSVOptions.Metric(column: header[$0.column], name: $0.name)
    }
    return Findings(columns: columns, metrics: metrics, wordColumns: wordColumns)
  }

  /// A column's name without blanks around it.
  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
    var rest = bytes
    while rest.first == 0x20 || rest.first == 0x09 { rest.removeFirst() }
    while rest.last == 0x20 || rest.last == 0x09 { rest.removeLast() }
    return String(decoding: rest, as: UTF8.self)
  }
}
