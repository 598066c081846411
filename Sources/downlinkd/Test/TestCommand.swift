import ArgumentParser
import Base
import Config
import Glibc

/// `downlinkd test`: unit tests of a configuration.
struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test", abstract: "Run records through a configuration and compare the rows.",
    discussion: """
      A fixture is a YAML file with records and with what the tables shall have of them: readings, \
      windows, anomalies, dead letters (docs/CONFIG.md, "Testing a configuration"). Records go \
      through the code of the pipeline itself; no Kafka is asked, and nothing is written.

        downlinkd test /etc/downlinkd/tests
        downlinkd test --config downlinkd.yaml --print battery.yaml

      Exit codes: 0 all tests passed, 64 wrong usage, 65 some failed, 69 the schema registry does \
      not answer, 78 the configuration or a fixture does not fit.
      """)

  @Argument(help: "Fixtures, and folders of them (*.yaml, *.yml).")
  var files: [String]

  @Option(
    name: .long, help: .init("The configuration, instead of those that fixtures name.",
      valueName: "file"))
  var config: String?

  @Option(
    name: .long, help: .init("Run only tests whose name matches.", valueName: "glob"))
  var test: String?

  @Flag(name: .long, help: "Show the rows there are, in the form that `expect` has.")
  var print = false

  @Flag(name: .long, help: "Print the results as JSON; with --print every row.")
  var json = false

  @Option(
    name: .long, help: .init("Write the results for CI in JUnit's XML.", valueName: "file"))
  var junit: String?

  func run() throws {
    let runs = try runs(of: try FixtureFolder.files(files))
    var results: [TestResult] = []
    for run in runs {
      let own = run.results()
      results += own
      if json { continue }
      if print, !own.isEmpty { Swift.print("# \(run.fixture.file)\ntests:") }
      for result in own {
        let text = print ? FixtureText.expectations(result) : TestReport.text(result)
        Swift.print(text, terminator: "")
      }
    }
    if results.isEmpty {
      complain("no test's name matches \(test ?? "*")")
      throw ExitCode(Exit.usage)
    }
    let report = TestReport(results: results)
    if json {
      Swift.print(report.json(withRows: print).text)
    } else if !print {
      Swift.print(report.summary, terminator: "")
    }
    if let junit { try FixtureFolder.write(report.junit, to: junit) }
    if !print, report.failedCount > 0 { throw ExitCode(Exit.findings) }
  }

  /// Reads everything before anything is run, so that every fault is said at once.
  private func runs(of files: [String]) throws -> [FixtureRun] {
    var configurations: [String: (Configuration, Wiring)] = [:]
    var runs: [FixtureRun] = []
    var faults: [ConfigFault] = []
    for file in files {
      do {
        let fixture = try FixtureFile.load(file: file, environment: Environment.variables)
        guard let path = config ?? fixture.config else {
          faults.append(
            fixture.fault(
              at: "", "`config` is missing; expected the configuration that is tested",
              suggestion: "write `config: ../downlinkd.yaml`, or give --config"))
          continue
        }
        let known = try configurations[path] ?? Checked.load(path)
        configurations[path] = known
        runs.append(
          try FixtureRun(
            fixture, known.0, known.1, only: test.map { Glob($0) }, needsExpectations: !print))
      } catch let error as ConfigFaults {
        faults += error.faults
      }
    }
    if !faults.isEmpty {
      complain("\(ConfigFaults(faults))")
      throw ExitCode(Exit.configuration)
    }
    return runs
  }
}

/// The files that a command line names.
enum FixtureFolder {
  /// Files as they are, folders as the YAML files in them, in the order of their names. Ends the
  /// program with 64 where there is nothing.
  static func files(_ names: [String]) throws -> [String] {
    var files: [String] = []
    for name in names {
      guard let stream = unsafe opendir(name) else {
        files.append(name)
        continue
      }
      defer { unsafe closedir(stream) }
      var found: [String] = []
      while let entry = unsafe readdir(stream) {
        let file = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if file.hasSuffix(".yaml") || file.hasSuffix(".yml") { found.append(file) }
      }
      if found.isEmpty {
        complain("\(name): no *.yaml or *.yml in this folder")
        throw ExitCode(Exit.usage)
      }
      let folder = name.hasSuffix("/") ? name : name + "/"
      files += found.sorted().map { folder + $0 }
    }
    return files
  }

  /// Replaces a file's content. Ends the program with 69 where that fails.
  static func write(_ text: String, to path: String) throws {
    let bytes = Array(text.utf8)
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    var written = 0
    while descriptor >= 0, written < bytes.count {
      let count = unsafe bytes[written...].withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count <= 0 { break }
      written += count
    }
    let fault = errno
    if descriptor < 0 || written < bytes.count {
      complain("cannot write \(path): \(SystemFault.text(fault))")
      throw ExitCode(Exit.unavailable)
    }
    close(descriptor)
  }
}
