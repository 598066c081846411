import Base
import Testing

@Suite struct GlobTests {
  @Test(arguments: [
    ("*", "", true), ("*", "battery", true), ("", "", true), ("", "a", false),
    ("battery_*", "battery_voltage_v", true), ("battery_*", "battery_", true),
    ("battery_*", "a_battery_v", false), ("*_v", "battery_voltage_v", true),
    ("*_v", "battery_voltage_vv", false), ("*volt*", "battery_voltage_v", true),
    ("a?c", "abc", true), ("a?c", "ac", false), ("a?c", "abbc", false), ("??", "é1", true),
    ("?", "é", true), ("?", "", false), ("a*b*c", "aXbXbXc", true), ("a*b*c", "aXcXb", false),
    ("**", "x", true), ("Battery", "battery", false), ("a.c", "abc", false),
  ])
  func `matches whole names`(pattern: String, name: String, expected: Bool) {
    #expect(Glob(pattern).matches(name) == expected)
  }

  @Test func `a pattern of many stars ends soon`() {
    let pattern = String(repeating: "a*", count: 30) + "b"
    #expect(!Glob(pattern).matches(String(repeating: "a", count: 5000)))
  }
}
