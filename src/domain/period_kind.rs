//! Kinds of periods: how long a counter runs before it starts again at 0.

/// How long a counter runs before it starts again at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodKind {
    /// Always in UTC; all longer kinds begin at midnight of a time zone.
    Hour,
    Day,
    /// From Monday, numbered as in ISO 8601.
    Week,
    Month,
    Year,
    /// Never starts again.
    Total,
    /// The billing kinds begin at an anchor, such as the day of the first payment.
    BillingWeek,
    BillingMonth,
    BillingYear,
}

impl PeriodKind {
    pub const ALL: [Self; 9] = [
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
        Self::Total,
        Self::BillingWeek,
        Self::BillingMonth,
        Self::BillingYear,
    ];

    /// The kind with this name in the registry and in rules.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Total => "total",
            Self::BillingWeek => "billing_week",
            Self::BillingMonth => "billing_month",
            Self::BillingYear => "billing_year",
        }
    }

    /// Whether periods of this kind begin at an anchor.
    pub fn is_anchored(self) -> bool {
        matches!(self, Self::BillingWeek | Self::BillingMonth | Self::BillingYear)
    }

    /// Whether a period of this kind depends on the time zone or the anchor of a user.
    pub fn depends_on_user(self) -> bool {
        !matches!(self, Self::Hour | Self::Total)
    }

    /// The format of this kind's period keys, for hints.
    pub fn form(self) -> &'static str {
        match self {
            Self::Hour => "YYYY-MM-DDTHH",
            Self::Day => "YYYY-MM-DD",
            Self::Week => "YYYY-Www",
            Self::Month => "YYYY-MM",
            Self::Year => "YYYY",
            Self::Total => "total",
            Self::BillingWeek => "YYYY-MM-DD/P1W",
            Self::BillingMonth => "YYYY-MM-DD/P1M",
            Self::BillingYear => "YYYY-MM-DD/P1Y",
        }
    }

    /// An example of a period key of this kind, for hints.
    pub fn example(self) -> &'static str {
        match self {
            Self::Hour => "2025-02-10T14",
            Self::Day => "2025-02-10",
            Self::Week => "2025-W07",
            Self::Month => "2025-02",
            Self::Year => "2025",
            Self::Total => "total",
            Self::BillingWeek => "2025-02-09/P1W",
            Self::BillingMonth => "2025-01-31/P1M",
            Self::BillingYear => "2024-02-29/P1Y",
        }
    }

    /// How features of this kind are counted.
    pub fn adverb(self) -> &'static str {
        match self {
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
            Self::Total => "in total",
            Self::BillingWeek => "per billing week",
            Self::BillingMonth => "per billing month",
            Self::BillingYear => "per billing year",
        }
    }

    /// The noun with its article.
    pub fn one(self) -> String {
        format!("{} {}", if self == Self::Hour { "an" } else { "a" }, self.noun())
    }

    /// The noun for a period of this kind.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Total => "total",
            Self::BillingWeek => "billing week",
            Self::BillingMonth => "billing month",
            Self::BillingYear => "billing year",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for kind in PeriodKind::ALL {
            assert_eq!(PeriodKind::from_name(kind.name()), Some(kind));
        }
        for name in ["", "Day", "days", "quarter", "rate", "period", "billing"] {
            assert_eq!(PeriodKind::from_name(name), None, "{name}");
        }
    }
}
