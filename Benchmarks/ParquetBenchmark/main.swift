import Base
import Glibc
import Parquet

// How fast one core writes Parquet, and how large the files are.
//
//     ParquetBenchmark [--rows N] [--repeat N] [--codec none|snappy|lz4|zstd] [--split]
//                      [--write PREFIX]
//
// Small by default, so that it can run as a smoke test; prints rates (the best of `--repeat`),
// bytes a row and a hash of every file, which changes with the code and the codec's version only.
// `--split` turns BYTE_STREAM_SPLIT on. `--write` leaves the files for other readers.

struct Arguments {
  var rowCount = 20_000
  var compression = Compression.zstd(level: 1)
  var splitsFloatingPointBytes = false
  var prefix: String?
  var repetitionCount = 1

  init(_ arguments: [String]) {
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      switch argument {
      case "--rows": rowCount = rest.popFirst().flatMap { Int($0) } ?? rowCount
      case "--repeat": repetitionCount = rest.popFirst().flatMap { Int($0) } ?? repetitionCount
      case "--split": splitsFloatingPointBytes = true
      case "--write": prefix = rest.popFirst()
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

  var options: ParquetWriterOptions {
    ParquetWriterOptions(
      compression: compression, splitsFloatingPointBytes: splitsFloatingPointBytes,
      createdBy: "downlink version 0.0.0 (build benchmark)")
  }
}

/// CPU seconds this process has used.
func cpuSeconds() -> Double {
  var now = timespec()
  _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

func write(_ table: Table, options: ParquetWriterOptions, timings: inout [Double]) -> [UInt8] {
  var writer = ParquetFileWriter(schema: table.schema, options: options)
  writer.beginRowGroup(rowCount: table.rowCount)
  for (index, column) in table.columns.enumerated() {
    let start = cpuSeconds()
    writer.writeColumn(column, validity: table.validities[index])
    timings[index] += cpuSeconds() - start
  }
  writer.endRowGroup()
  return writer.finish().output
}

func rounded(_ value: Double) -> String {
  String(Double(Int(value * 1000)) / 1000)
}

func run(_ name: String, _ table: Table, _ arguments: Arguments) {
  var timings = Array(repeating: 0.0, count: table.columns.count)
  var bytes: [UInt8] = []
  var best = Double.infinity
  for _ in 0..<arguments.repetitionCount {
    timings = Array(repeating: 0.0, count: table.columns.count)
    let start = cpuSeconds()
    bytes = write(table, options: arguments.options, timings: &timings)
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
run("raw-rounded", rawRows(arguments.rowCount, values: .rounded), arguments)
run("raw-mixed", rawRows(arguments.rowCount, values: .mixed), arguments)
run("raw-unrounded", rawRows(arguments.rowCount, values: .unrounded), arguments)
run("windows", windowRows(arguments.rowCount), arguments)
