/*
description: A thing has a name.
severity: warn
*/
SELECT id, 'it has none' AS reason FROM :rows WHERE name IS NULL
