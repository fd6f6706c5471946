"""Known voices across recordings: records, stores, matching, enrolment, export and import."""
