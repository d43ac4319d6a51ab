"""Reads the files of a district without code of the product."""

import csv
import datetime
import io
import zipfile

# The day for which the files are generated, and the as-of date of the uploads.
TODAY = datetime.date(2026, 9, 15)


class Files:
    """The contents of a OneRoster export."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            self.files = {
                name: list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig")))) for name in archive.namelist()
            }
        with open(path, "rb") as file:
            self.bytes = file.read()

    def ids(self, name, **wanted):
        return {row["sourcedId"] for row in self.files[name] if all(row[column] == value for column, value in wanted.items())}

    def without_students(self, nth):
        """The same export without every nth student and the rows that refer to them."""
        gone = {identity for number, identity in enumerate(sorted(self.ids("users.csv", role="student"))) if number % nth == 0}
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self.bytes)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                text = old.read(name).decode("utf-8-sig")
                rows = csv.DictReader(io.StringIO(text))
                kept = io.StringIO()
                writer = csv.DictWriter(kept, rows.fieldnames, lineterminator="\r\n")
                writer.writeheader()
                columns = [name for name in ("userSourcedId", "sourcedId") if name in rows.fieldnames]
                writer.writerows(row for row in rows if not any(row[column] in gone for column in columns))
                new.writestr(name, kept.getvalue())
        return buffer.getvalue()

    def seats(self, role):
        """Current members by class."""
        seats = {row["sourcedId"]: set() for row in self.files["classes.csv"]}
        for row in self.files["enrollments.csv"]:
            begins = row["beginDate"] and TODAY < datetime.date.fromisoformat(row["beginDate"])
            is_over = row["endDate"] and TODAY >= datetime.date.fromisoformat(row["endDate"])
            if row["role"] == role and not begins and not is_over:
                seats[row["classSourcedId"]].add(row["userSourcedId"])
        return seats

    def private(self):
        """Values that no log may contain: user names, e-mail addresses, phone and student numbers."""
        columns = ("username", "email", "phone", "sms", "identifier")
        texts = {row[column] for row in self.files["users.csv"] for column in columns}
        return {text for text in texts if len(text) > 4}
