// What the statistical detectors say about given series: the engine of downlinkd over a CSV file.
//
//     DetectorReplay --input FILE --every SECONDS [--rule spike|jump|shift …]
//         [--half-life SECONDS] [--fast-half-life SECONDS] [--warm-up SECONDS]
//         [--refractory SECONDS] [--false-alarm-every SECONDS] [--min-change NUMBER]
//
// Lines of the file are `series,time_micros,value`, the lines of a series in the order in which its
// readings arrive. Prints one JSON object a step of an anomaly, in the order of the engine. Without
// `--rule` all three run; what is not given has its default for `--every`. The newest bucket of a
// series is still open at the end of the file and is not judged.
//
// Without arguments it replays series of its own making and prints what it cost, how much it found
// and a hash of all steps: the same on every machine. Tests/Python/detector_scores.py feeds it with
// labelled data and scores what it prints.
import Base
import Detectors
import Glibc

if CommandLine.arguments.count == 1 {
  runOwnSeries()
} else {
  do {
    let arguments = try ReplayArguments(Array(CommandLine.arguments.dropFirst()))
    var replay = Replay(definitions: arguments.definitions) { events in
      for event in events { print(event.line) }
    }
    try SeriesFile(path: arguments.input).forEachLine { series, time, value in
      replay.take(series: series, time: time, value: value)
    }
    replay.finish()
  } catch {
    let message = Array("DetectorReplay: \(error)\n".utf8)
    _ = unsafe message.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(2)
  }
}
