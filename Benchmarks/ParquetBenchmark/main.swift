import Base
import Glibc
import Parquet

// How fast one core writes Parquet, and how large the files are.
//
//     ParquetBenchmark [--rows N] [--repeat N] [--codec none|snappy|lz4|zstd] [--split]
//                      [--table NAME] [--read FILE] [--row-group N] [--page N] [--dictionary N]
//                      [--write PREFIX]
//
// Small by default, so that it can run as a smoke test; prints rates (the best of `--repeat`),
// bytes a row and a hash of every file, which changes with the code and the codec's version only.
// `--split` turns BYTE_STREAM_SPLIT on. `--table` is one of the tables alone, `--read` the rows of
// a flat file, whoever wrote it. `--row-group`, `--page` and `--dictionary` are the rows of a row
// group, the rows of a page and the bytes of a dictionary. `--write` leaves the files for other
// readers: Tests/Python/beside_arrow.py has pyarrow write the same rows, parquet_layout.py asks
// them things.

struct Arguments {
  var rowCount = 20_000
  var compression = Compression.zstd(level: 1)
  var splitsFloatingPointBytes = false
  var prefix: String?
  var table: String?
  var file: String?
  var repetitionCount = 1
  var rowGroupRowCount = Int.max
  var pageRowCount = ParquetWriterOptions.defaultPageRowCountMax
  var dictionaryByteCount = ParquetWriterOptions.defaultDictionaryByteCountMax

  init(_ arguments: [String]) {
    var rest = arguments.dropFirst()
    func number(_ known: Int) -> Int { rest.popFirst().flatMap { Int($0) } ?? known }
    while let argument = rest.popFirst() {
      switch argument {
      case "--rows": rowCount = number(rowCount)
      case "--repeat": repetitionCount = number(repetitionCount)
      case "--row-group": rowGroupRowCount = number(rowGroupRowCount)
      case "--page": pageRowCount = number(pageRowCount)
      case "--dictionary": dictionaryByteCount = number(dictionaryByteCount)
      case "--split": splitsFloatingPointBytes = true
      case "--write": prefix = rest.popFirst()
      case "--table": table = rest.popFirst()
      case "--read": file = rest.popFirst()
      case "--codec":
        switch rest.popFirst() {
        case "none": compression = .none
        case "snappy": compression = .snappy
        case "lz4": compression = .lz4
        default: compression = .zstd(level: 1)
        }
      default:
        print("unknown argument \(argument)")
        exit(2)
      }
    }
  }

  /// As the committer's, with a bloom filter for devices.
  var options: ParquetWriterOptions {
    ParquetWriterOptions(
      compression: compression, pageRowCountMax: pageRowCount,
      dictionaryByteCountMax: dictionaryByteCount,
      splitsFloatingPointBytes: splitsFloatingPointBytes,
      createdBy: "downlink version 0.0.0 (build benchmark)", bloomFilterColumns: ["device_id"])
  }
}

/// CPU seconds this process has used.
func cpuSeconds() -> Double {
  var now = timespec()
  _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

func write(
  _ table: Table, _ arguments: Arguments, timings: inout [Double]
) -> [UInt8] {
  var writer = ParquetFileWriter(schema: table.schema, options: arguments.options)
  for rows in table.rowGroups(of: arguments.rowGroupRowCount) {
    writer.beginRowGroup(rowCount: rows.rowCount)
    for (index, column) in rows.columns.enumerated() {
      let start = cpuSeconds()
      writer.writeColumn(column, validity: rows.validities[index])
      timings[index] += cpuSeconds() - start
    }
    writer.endRowGroup()
  }
  return writer.finish().output
}

func rounded(_ value: Double) -> String {
  String(Double(Int(value * 1000)) / 1000)
}

func run(_ name: String, _ arguments: Arguments, _ make: () -> Table) {
  if let table = arguments.table, table != name { return }
  let table = make()
  var timings: [Double] = []
  var bytes: [UInt8] = []
  var best = Double.infinity
  for _ in 0..<arguments.repetitionCount {
    timings = Array(repeating: 0.0, count: table.columns.count)
    let start = cpuSeconds()
    bytes = write(table, arguments, timings: &timings)
    best = min(best, cpuSeconds() - start)
  }
  let rows = Double(table.rowCount)
  let hash = String(XXHash64.hash(bytes), radix: 16)
  print(
    name, "\(table.rowCount) rows,", rounded(best / rows * 1e6), "CPU s a million rows,",
    rounded(Double(bytes.count) / rows), "bytes a row, hash", hash)
  if arguments.rowCount >= 100_000 {
    for (index, column) in table.schema.columns.enumerated() {
      print("    ", column.name, rounded(timings[index] / rows * 1e9), "ns a row")
    }
  }
  if let prefix = arguments.prefix {
    guard let file = unsafe fopen("\(prefix)\(name).parquet", "w") else {
      print("cannot open \(prefix)\(name).parquet")
      exit(1)
    }
    _ = unsafe bytes.withUnsafeBytes { unsafe fwrite($0.baseAddress, 1, $0.count, file) }
    _ = unsafe fclose(file)
  }
}

let arguments = Arguments(CommandLine.arguments)
if let file = arguments.file {
  run("rows", arguments) {
    do {
      return try Table(reading: file)
    } catch {
      print("\(file): \(error)")
      exit(1)
    }
  }
} else {
  run("raw-rounded", arguments) { rawRows(arguments.rowCount, values: .rounded) }
  run("raw-mixed", arguments) { rawRows(arguments.rowCount, values: .mixed) }
  run("raw-unrounded", arguments) { rawRows(arguments.rowCount, values: .unrounded) }
  run("windows", arguments) { windowRows(arguments.rowCount) }
}
