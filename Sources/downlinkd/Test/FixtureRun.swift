import Base
import Config
import Pipeline

/// Runs the tests of one fixture file.
struct FixtureRun {
  let fixture: FixtureFile
  private let tests: [(test: FixtureFile.Test, steps: [TrialStep])]
  private let options: PipelineOptions

  /// Encodes all records. Of a test that is left out nothing is looked at.
  ///
  /// - Throws: what does not fit the configuration, every fault at once: fields, topics, columns
  ///   that no table has, values that a column cannot have.
  init(
    _ fixture: FixtureFile, _ configuration: Configuration, _ wiring: Wiring, only pattern: Glob?,
    needsExpectations: Bool
  ) throws(ConfigFaults) {
    self.fixture = fixture
    options = wiring.pipeline
    var records = FixtureRecords(fixture, configuration, wiring)
    var faults: [ConfigFault] = []
    var tests: [(FixtureFile.Test, [TrialStep])] = []
    for test in fixture.tests where pattern?.matches(test.name) ?? true {
      tests.append((test, records.steps(of: test)))
      if needsExpectations, test.expectations.isEmpty {
        faults.append(
          fixture.fault(
            at: test.keyPath, "`expect` is missing or empty: nothing is tested",
            suggestion: "`downlinkd test --print` shows what there is"))
      }
    }
    self.tests = tests
    faults += records.faults
    // What is expected is held against the tables as they are without rows.
    let tables = PipelineTrial.run(options, steps: [], firesOpenWindows: false)
    for (test, _) in tests {
      for expectation in test.expectations {
        do throws(ConfigFaults) {
          _ = try RowMatch(expectation, tables.filter { $0.isMeant(by: expectation) }, fixture)
        } catch {
          faults += error.faults
        }
      }
    }
    if !faults.isEmpty { throw ConfigFaults(faults) }
  }

  /// One test after the other, each from nothing.
  func results() -> [TestResult] {
    var results: [TestResult] = []
    for (test, steps) in tests {
      let tables = PipelineTrial.run(
        options, steps: steps, firesOpenWindows: test.firesOpenWindows)
      var failures: [TestFailure] = []
      for expectation in test.expectations {
        do throws(ConfigFaults) {
          let own = tables.filter { $0.isMeant(by: expectation) }
          failures += try RowMatch(expectation, own, fixture).failures(fixture)
        } catch {
          preconditionFailure("what is expected was held against the tables before: \(error)")
        }
      }
      results.append(
        TestResult(
          file: fixture.file, line: fixture.line(of: test.keyPath), name: test.name,
          failures: failures, tables: tables))
    }
    return results
  }
}

extension TrialTable {
  fileprivate func isMeant(by expectation: FixtureFile.Expectation) -> Bool {
    kind.rawValue == expectation.table.rawValue
  }
}
